import { definition, functionMistakes, returnedPromise } from './author-code.ts';
import type { OperatorDefinition } from './definition.ts';

/** One result for each record, with the record's time and key. The function must not change the record. */
export function mapOperator<In, Out>(fn: (record: In) => Out): OperatorDefinition {
  return definition({
    type: 'map',
    functions: [fn],
    mistakes: functionMistakes('map', fn),
    code: {
      create(context) {
        const out = context.output();
        return {
          inputs: [
            {
              record(value, time, key) {
                const result: unknown = fn(value as In);
                if (result instanceof Promise) throw returnedPromise('map');
                out.record(result, time, key);
              },
            },
          ],
        };
      },
    },
  });
}
