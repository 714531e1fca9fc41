/** The author's module, whose default export is the pipeline: the bundle puts it in this place. */
declare module 'millrace:pipeline' {
  const pipeline: import('../lib/pipeline/index.ts').Pipeline;
  export default pipeline;
}

/** The deployment's topics: the bundle puts them in this place. */
declare const MILLRACE_TOPICS: import('./topics.ts').Topics;

/** What the code of the pipeline's nodes counts by: the bundle puts it in this place. */
declare const MILLRACE_CODE: Readonly<Record<string, string>>;
