import type { Assignee, Assignment } from '../../ports/index.ts';

/** Gives one worker everything there is: where there is only one, and for tests. */
export function fixedAssignment(): Assignment {
  let items: readonly string[] = [];
  let joined: Assignee | undefined;
  const tell = (): void => void joined?.take({ own: new Set(items), copies: new Set() });
  return {
    offer: (offered) => {
      items = offered;
      tell();
    },
    join: (assignee) => {
      joined = assignee;
      tell();
    },
    isCurrent: () => joined !== undefined,
    leave: async () => {
      joined = undefined;
    },
  };
}
