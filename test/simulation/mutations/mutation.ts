/** A rule of the protocol, broken: what the sources say instead. The simulator has to notice. */
export interface Mutation {
  /** The rule that is broken, in the protocol's words. */
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Scenarios that take turns, one seed each, until one of them is red. */
  readonly scenarios?: readonly string[];
  /** Instead of scenarios: the directed test that notices it. */
  readonly directed?: string;
  /** Seeds within which it must have been noticed; 150 if not said. */
  readonly seeds?: number;
  /** Faults that happen so many times as often as otherwise. */
  readonly more?: Readonly<Record<string, number>>;
}

export interface Edit {
  /** From the project's folder. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** A source's text with the edits made. Throws if the text to be replaced is not there exactly once. */
export function mutated(file: string, text: string, edits: readonly Edit[]): string {
  let result = text;
  for (const edit of edits.filter((each) => each.file === file)) {
    const times = result.split(edit.find).length - 1;
    if (times !== 1) throw new RangeError(`"${edit.find}" stands ${times} times in ${file}, not once`);
    result = result.replace(edit.find, () => edit.replace);
  }
  return result;
}
