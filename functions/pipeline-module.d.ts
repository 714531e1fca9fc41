/** The deployed pipeline: the bundle puts the author's module, on the deployment's topics, in its place. */
declare module 'millrace:pipeline' {
  const pipeline: import('../lib/pipeline/index.ts').Pipeline;
  export default pipeline;
}
