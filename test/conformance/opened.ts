/** An adapter opened for one test. */
export interface Opened<Port> {
  readonly port: Port;
  /** Closes it and opens it again on the same data, as a new process would. */
  reopen?(): Promise<Port>;
  close(): Promise<void>;
}

/** What an adapter cannot show, each with the reason that stands in the skipped test's name. */
export type Without<Lack extends string> = Readonly<Partial<Record<Lack, string>>>;

/** Ends the name of a test that is skipped. */
export const skipNote = (reason: string | undefined): string => (reason === undefined ? '' : ` [skipped: ${reason}]`);
