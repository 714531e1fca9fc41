import { expect, it } from 'vitest';
import { clicks } from './clicks/pipeline.ts';
import { deployed } from './template.ts';

/** Those of versions change with the code, as they must. */
const idsOf = ({ template }: ReturnType<typeof deployed>): string[] =>
  Object.entries(template.toJSON()['Resources'] as Record<string, { readonly Type: string }>)
    .filter(([, { Type }]) => Type !== 'AWS::Lambda::Version')
    .map(([id, { Type }]) => `${Type} ${id}`)
    .sort();

const fused = deployed();

// A resource whose logical id changes is made anew, and what it held is gone: a change here is a change for everybody who has deployed.
it('logical ids never change', () => {
  expect(idsOf(fused).join('\n')).toMatchSnapshot();
});

it('logical ids go by the stage, whatever else there is', () => {
  expect(idsOf(deployed({ pipeline: clicks('none') }))).toEqual(expect.arrayContaining(idsOf(fused)));
});
