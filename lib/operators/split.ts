import { definition, functionMistakes, isObject, returnedPromise, unfit } from './author-code.ts';
import type { Mistake, OperatorDefinition } from './definition.ts';

/**
 * Each record goes to the side output of the first branch whose predicate holds for it, or on to the main output if none does.
 */
export function splitOperator<In>(branches: Readonly<Record<string, (record: In) => unknown>>): OperatorDefinition {
  if (!isObject(branches))
    return unfit('split', branches, 'give it a predicate by name: { big: (order) => order.n > 9 }');
  const sides = Object.keys(branches);
  const predicates = Object.values(branches);
  return definition({
    type: 'split',
    options: { branches: sides },
    sides,
    functions: predicates,
    mistakes: [...predicates.flatMap((predicate) => functionMistakes('split', predicate)), ...nameMistakes(sides)],
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

function nameMistakes(sides: readonly string[]): Mistake[] {
  if (sides.length === 0) return [{ rule: 'it has no branches', fix: 'give it a predicate by name' }];
  if (!sides.includes('otherwise')) return [];
  return [{ rule: "'otherwise' is what no branch takes", fix: 'call the branch something else' }];
}
