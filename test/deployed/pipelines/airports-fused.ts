import { pipeline } from 'millrace';
import { airports } from './airports.ts';

export default pipeline('airports', airports, { parallelism: 2 });
