/** Preloaded: `millrace` is the sources of this project, as it is for pipelines that its command runs. */
import { shareMillrace } from '../../cli/package-root.ts';

shareMillrace();
