#!/usr/bin/env node
/** The command `millrace`. What is compiled is kept for the next time: most of a short command's time would go there. */
import { enableCompileCache } from 'node:module';

enableCompileCache();
const { main } = await import('./program.ts');
await main();
