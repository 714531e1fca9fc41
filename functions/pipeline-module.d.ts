/** The author's module, whose default export is the pipeline, and which may export what is to stand around its functions: the bundle puts it in this place. */
declare module 'millrace:pipeline' {
  const pipeline: import('../lib/pipeline/index.ts').Pipeline;
  export default pipeline;
  export const middleware: import('./around.ts').AuthorMiddleware | undefined;
}

/** The deployment's topics: the bundle puts them in this place. */
declare const MILLRACE_TOPICS: import('./topics.ts').Topics;

/** What the code of the pipeline's nodes counts by: the bundle puts it in this place. */
declare const MILLRACE_CODE: Readonly<Record<string, string>>;
