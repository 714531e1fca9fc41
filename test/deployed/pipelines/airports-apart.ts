import { pipeline } from 'millrace';
import { airports } from './airports.ts';

/** Each operator a stage, and so a function, of its own. */
export default pipeline('airports-apart', airports, { parallelism: 2, fusing: 'none' });
