import { definition, functionMistakes, returnedPromise } from './author-code.ts';
import type { OperatorDefinition } from './definition.ts';

/** Lets the records through for which the predicate yields something true. Filters never stall time. */
export function filterOperator<In>(predicate: (record: In) => unknown): OperatorDefinition {
  return definition({
    type: 'filter',
    functions: [predicate],
    mistakes: functionMistakes('filter', predicate),
    code: {
      create(context) {
        const out = context.output();
        return {
          inputs: [
            {
              record(value, time, key) {
                const kept = predicate(value as In);
                if (kept === true) out.record(value, time, key);
                else if (kept instanceof Promise) throw returnedPromise('filter');
                else if (kept) out.record(value, time, key);
              },
            },
          ],
        };
      },
    },
  });
}
