import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Answers, Command } from '../../lib/operations/index.ts';
import { dataToJson } from '../../lib/protocol/index.ts';
import { Workplace } from './command.ts';

type Reply = (command: Command) => unknown;

const running: Answers['status'] = {
  ...{ pipeline: 'shop', run: 'r1', createdAt: 0, state: 'running', deadLetters: 2, stops: [] },
  code: { version: 1, switching: [] },
  tasks: [
    {
      ...{ stage: 'counts', partition: 0, status: 'stopped', version: 3, offset: 12, end: 20, lag: 8 },
      ...{ bytesLeft: undefined, watermark: 'none', heldBy: undefined, stateEntries: 5, stateBytes: 100, debts: 0 },
      ...{ restarts: 1, reason: 'failed', until: undefined, at: 0 },
      error: { kind: 'operator-failed', message: 'no mugs', operator: 'counts', at: 0 },
    },
  ],
};

/** What is asked of CloudFormation and Lambda, answered as they would; the controller as `reply` says. */
async function aws(
  onTestFinished: (end: () => void) => void,
  reply: Reply,
): Promise<{ readonly env: Record<string, string>; readonly asked: Command[] }> {
  const asked: Command[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      if (request.url?.startsWith('/2015-03-31/functions/') === true) {
        const { command } = JSON.parse(body) as { command: Command };
        asked.push(command);
        expect(decodeURIComponent(request.url)).toContain(':function:shop-controller:live');
        return response.end(JSON.stringify(answerTo(command, reply)));
      }
      const stack = new URLSearchParams(body).get('StackName');
      response.writeHead(stack === 'shop' ? 200 : 400, { 'content-type': 'text/xml' });
      return response.end(stack === 'shop' ? described : missing(stack));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  const env = {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 'b',
  };
  return { env, asked };
}

function answerTo(command: Command, reply: Reply): unknown {
  const answer = reply(command);
  return answer instanceof Error
    ? { kind: 'error', error: { kind: 'unavailable', message: answer.message, hint: 'mend it' } }
    : { kind: 'answer', answer: dataToJson(answer) };
}

const described = `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>shop</StackName><Outputs>
<member><OutputKey>PipelineControllerFunction1A2B3C4D</OutputKey><Description>shop: the controller</Description>
<OutputValue>arn:aws:lambda:us-east-1:000000000000:function:shop-controller:live</OutputValue></member>
</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`;
const missing = (stack: string | null): string =>
  `<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id ${stack} does not exist</Message></Error></ErrorResponse>`;

describe('a deployed pipeline', { concurrent: true, timeout: 60_000 }, () => {
  it('is looked at through its controller', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const { env } = await aws(onTestFinished, ({ name }) =>
      name === 'status' ? running : { items: [{ operator: 'counts', state: 's', key: 'mug', value: 3n }], of: 7 },
    );
    const { code, stdout, stderr } = await place.millrace(['status', '--deployment', 'shop'], { env });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('shop: running; run r1');
    expect(stdout).toMatch(/^counts\/0 +stopped +12 +20 +8 /m);
    expect(stdout).toContain('counts/0 has stopped (failed): counts: no mugs');
    expect(stdout).toContain('millrace dead-letters list --deployment shop');
    const get = await place.millrace(['state', 'get', '--deployment', 'shop', 'counts', 'mug', '--json'], { env });
    expect(JSON.parse(get.stdout)).toMatchObject({ key: 'mug', value: '3' });
    expect(get.stderr).toContain('the first 1 of 7');
  });

  it('shows rows of its tables, which its own code makes', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const { env, asked } = await aws(onTestFinished, () => ({
      ...{ rows: [{ key: ['a', 1], value: { n: 3n } }], more: true, asOf: 60_000 },
    }));
    const list = ['state', 'list', '--deployment', 'shop', '-o', 'totals', '--from', 'a', '-n', '5', '--rows'];
    const { code, stdout, stderr } = await place.millrace(list, { env });
    expect([code, stdout.split('\n')[1]]).toEqual([0, '["a",1]  {"n":"3"}']);
    expect(stderr).toContain('as of watermark 1970-01-01T00:01');
    expect(stderr).toContain('the first 1: an answer of the controller holds no more');
    const get = await place.millrace(['state', 'get', '--deployment', 'shop', 'totals', 'a', '--rows', '--json'], {
      env,
    });
    expect(JSON.parse(get.stdout)).toEqual({ key: ['a', 1], value: { n: '3' }, asOf: 60_000 });
    expect(asked).toMatchObject([
      { name: 'rows', operator: 'totals', query: { from: 'a', limit: 5 } },
      { name: 'rows', operator: 'totals', query: { key: 'a' } },
    ]);
    const named = await place.millrace([...list, '.'], { env });
    expect(named).toMatchObject({ code: 2 });
    expect(named.stderr).toContain('a deployment has its own code');
    const taken = await place.millrace(['state', 'get', '--deployment', 'shop', '--rows', 'totals', 'a'], { env });
    expect(taken.stderr).toContain('--rows took "totals": say it last');
    const here = await place.millrace(['state', 'list', 'data', '-o', 'totals', '--rows'], { env });
    expect(here.stderr).toContain('name it: --rows .');
  });

  it('tells what is wrong with it, with exit code 1', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const error = { kind: 'state-lost', message: 'the table is empty', hint: 'restore it' };
    const { env } = await aws(onTestFinished, ({ name }) =>
      name === 'status' ? { ...running, error } : new Error('not now'),
    );
    const status = await place.millrace(['status', '--deployment', 'shop', '--wait'], { env });
    expect(status).toMatchObject({ code: 1 });
    expect(status.stdout).toContain('the table is empty');
    expect(status.stdout).toContain('restore it');
    const pause = await place.millrace(['pause', '--deployment', 'shop'], { env });
    expect(pause).toMatchObject({ code: 1 });
    expect(pause.stderr).toContain('not now');
  });

  it('waits until newer code has taken over, it is paused, or it is drained', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    let asked = 0;
    const step = { task: { stage: 'counts', partition: 0 }, from: 0, to: 1, kind: 'barrier' };
    const switching = await aws(onTestFinished, () => ({
      ...running,
      code: { version: 1, switching: asked++ < 1 ? [step] : [] },
    }));
    const status = await place.millrace(['status', '--deployment', 'shop', '--wait', '--json'], { env: switching.env });
    expect(status.stderr).toContain('1 task still at older code');
    expect(JSON.parse(status.stdout)).toMatchObject({ code: { switching: [] } });
    const states = ['pausing', 'paused'];
    const pausing = await aws(onTestFinished, ({ name }) =>
      name === 'pause' ? { asked: 'requested' } : { ...running, state: states.shift() },
    );
    const paused = await place.millrace(['pause', '--deployment', 'shop', '--json'], { env: pausing.env });
    expect(JSON.parse(paused.stdout)).toEqual({ event: 'paused' });
    const ends = ['draining', 'over'];
    const draining = await aws(onTestFinished, ({ name }) =>
      name === 'drain' ? { asked: 'requested' } : { ...running, state: ends.shift() },
    );
    const drained = await place.millrace(['stop', '--drain', '--deployment', 'shop', '--json'], { env: draining.env });
    expect(JSON.parse(drained.stdout)).toEqual({ event: 'finished', run: 'r1' });
  });

  it('is resumed, and given its dead letters back', async ({ expect, onTestFinished }) => {
    const place = new Workplace({ onTestFinished });
    const { env, asked } = await aws(onTestFinished, ({ name }) =>
      name === 'resume'
        ? { lifted: true, tasks: ['counts/0'] }
        : { replayed: 2, left: [{ id: '1.0', why: 'it is of a timer' }] },
    );
    const resumed = await place.millrace(['resume', '--deployment', 'shop', 'counts/0'], { env });
    expect(resumed.stdout).toBe('the pause is lifted\n1 task set going: counts/0\n');
    const replayed = await place.millrace(['dead-letters', 'replay', '--deployment', 'shop', '0.0', '0.1'], { env });
    expect(replayed.stdout).toBe('2 records replayed\n');
    expect(replayed.stderr).toContain('1.0 cannot be replayed: it is of a timer');
    expect(asked).toEqual([
      { name: 'resume', tasks: ['counts/0'] },
      { name: 'replay', ids: ['0.0', '0.1'] },
    ]);
  });

  it.each([
    [['status', 'data', '--deployment', 'shop'], 'give one of the two'],
    [['status', '--deployment', 'shop', '--table', 't'], 'give one of the two'],
    [['stop', '--deployment', 'shop'], '--drain'],
    [['state', 'get', '--deployment', 'shop', 'counts'], 'an operator and a key'],
    [['dead-letters', 'replay', '.'], '--data-dir'],
  ])('is not asked with %j', async (args, text) => {
    const ends: (() => void)[] = [];
    const place = new Workplace({ onTestFinished: (end) => ends.push(end) });
    const { code, stderr } = await place.millrace(args);
    for (const end of ends) end();
    expect(code).toBe(2);
    expect(stderr).toContain(text);
  });
});
