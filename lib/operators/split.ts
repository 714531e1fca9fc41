import { asyncMistakes, definition, returnedPromise } from './author-code.ts';
import type { OperatorDefinition } from './definition.ts';

/**
 * Each record goes to the side output of the first branch whose predicate holds for it, or on to the main output if none does.
 */
export function splitOperator<In>(branches: Readonly<Record<string, (record: In) => unknown>>): OperatorDefinition {
  const sides = Object.keys(branches);
  const predicates = Object.values(branches);
  return definition({
    type: 'split',
    options: { branches: sides },
    sides,
    functions: predicates,
    mistakes: asyncMistakes('split', ...predicates),
    code: {
      create(context) {
        const rest = context.output();
        const outputs = sides.map((side) => context.output(side));
        return {
          inputs: [
            {
              record(value, time, key) {
                for (let i = 0; i < predicates.length; i++) {
                  const held = predicates[i]!(value as In);
                  if (held instanceof Promise) throw returnedPromise('split');
                  if (held) {
                    outputs[i]!.record(value, time, key);
                    return;
                  }
                }
                rest.record(value, time, key);
              },
            },
          ],
        };
      },
    },
  });
}
