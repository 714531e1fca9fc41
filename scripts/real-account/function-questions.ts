// What Lambda and its schedule do with functions.
import type { ProbeStep } from '../../functions/probe-record.ts';
import type { Question } from './question.ts';
import { deliveriesIn, secondsText } from './seen.ts';

/** Lambda stops a chain of calls after about 16. */
const CHAIN = 24;
/** Seconds within which Lambda would make a second attempt. */
const SECOND_ATTEMPT = 120;

export const functionQuestions: readonly Question[] = [
  {
    id: 'cold-start',
    text: "How long does a cold start of what a stage's function loads take, and how long its first calls to everything?",
    async ask(probe) {
      const cold = await probe.call({ probe: 'connect', clockTopic: probe.options.target.clockTopic });
      const warm = await probe.call({ probe: 'connect', clockTopic: probe.options.target.clockTopic });
      const init = /Init Duration: ([\d.]+) ms/.exec(cold.log)?.[1];
      const sum = ({ answer }: typeof cold): number =>
        ((answer['steps'] ?? []) as readonly ProbeStep[]).reduce((total, { ms }) => total + ms, 0);
      return {
        text: `${cold.answer['nth'] === 0 ? '' : '(somebody had called it before) '}${init === undefined ? 'its duration is not told' : `${init} ms`}, ${String(cold.answer['loaded'])} ms since the start of the process; all connections ${sum(cold)} ms, ${sum(warm)} ms once more; called from here ${cold.ms.toFixed(0)} ms and ${warm.ms.toFixed(0)} ms`,
      };
    },
  },
  {
    id: 'access',
    text: "May a function with the rights that the constructs give reach brokers (addresses and IAM of MSK included), DynamoDB and S3, and how far are its clock and the brokers' apart?",
    async ask(probe) {
      const { answer } = await probe.call({ probe: 'connect', clockTopic: probe.options.target.clockTopic });
      const steps = (answer['steps'] ?? []) as readonly ProbeStep[];
      const failed = steps.filter(({ error }) => error !== undefined);
      const skew = steps.find((step) => step.skew !== undefined)?.skew;
      const clock =
        skew === undefined ? 'the clocks were not compared' : `the clocks are surely ${Math.abs(skew)} ms apart`;
      return {
        text:
          failed.length === 0 && steps.length > 0
            ? `yes (${steps.map(({ step, ms }) => `${step} ${ms} ms`).join('; ')}); ${clock}`
            : `no: ${failed.map(({ step, error }) => `${step}: ${error}`).join('; ') || JSON.stringify(answer)}`,
        holds: failed.length === 0 && steps.length > 0 && Math.abs(skew ?? 0) < 500,
      };
    },
  },
  {
    id: 'call-chains',
    text: 'After how many calls is a function that calls itself stopped?',
    async ask(probe) {
      await probe.send({ probe: 'chain', depth: 1, most: CHAIN });
      const patience = probe.options.isLocal ? 20 : 60;
      const calls = await probe.until((seen) => seen.some(({ depth }) => depth === CHAIN), patience);
      const depth = Math.max(0, ...calls.map((call) => call.depth ?? 0));
      return { text: depth === CHAIN ? `it was not, in ${CHAIN} calls` : `after ${depth}`, holds: depth >= 8 };
    },
  },
  {
    id: 'new-code',
    text: 'How long is old code called after a deployment, and can its version still be called by number?',
    async ask(probe) {
      const version = probe.stack.FunctionVersion;
      const feeding = probe.trickle(7, 'new-code');
      await probe.until((seen) => deliveriesIn(seen).length > 0, 420);
      await probe.deploy('2');
      const deployed = Date.now();
      const isNew = ({ generation }: { readonly generation: string }): boolean => generation === '2';
      const patience = probe.options.isLocal ? 10 : 120;
      await probe.until(
        (seen) => deliveriesIn(seen).filter(isNew).length > 3 && Date.now() - deployed > patience * 500,
        patience,
      );
      await feeding.stop();
      const deliveries = deliveriesIn(await probe.seen());
      const old = deliveries.findLast((call) => !isNew(call));
      const first = deliveries.find(isNew);
      const byNumber = await probe.call({ probe: 'who' }, version).catch(() => undefined);
      const relative = (at: number | undefined): string =>
        at === undefined
          ? 'never'
          : `${secondsText(Math.abs(at - deployed))} ${at < deployed ? 'before' : 'after'} the deployment was done`;
      const callable = byNumber?.failed === false && byNumber.answer['generation'] === '1';
      return {
        text: `old code was last called ${relative(old?.start)}, new code first ${relative(first?.start)}; version ${version} ${callable ? 'can still be called' : 'cannot be called any more'}`,
        holds: first !== undefined && callable,
      };
    },
  },
  {
    id: 'async-attempts',
    text: 'Is an asynchronous call that fails made again, though it is configured not to be?',
    async ask(probe) {
      await probe.send({ probe: 'fail', id: 'async' });
      const patience = probe.options.isLocal ? 10 : SECOND_ATTEMPT;
      const calls = await probe.until((seen) => seen.filter(({ id }) => id === 'async').length >= 2, patience);
      const starts = calls.filter(({ id }) => id === 'async').map(({ start }) => start);
      const pauses = starts.slice(1).map((start, i) => secondsText(start - starts[i]!));
      return {
        text: `${starts.length} attempts${pauses.length === 0 ? '' : `, after ${pauses.join(' and ')}`}`,
        holds: starts.length > 0,
      };
    },
  },
  {
    id: 'schedule',
    text: 'How regularly does a schedule of one minute call?',
    async ask(probe) {
      const wanted = probe.options.isLocal ? 1 : 5;
      const patience = probe.options.isLocal ? 75 : 330;
      const calls = await probe.until(
        (seen) => seen.filter(({ cause }) => cause === 'tick').length >= wanted,
        patience,
      );
      const starts = calls
        .filter(({ cause }) => cause === 'tick')
        .map(({ start }) => start)
        .sort((a, b) => a - b);
      const pauses = starts.slice(1).map((start, i) => start - starts[i]!);
      return {
        text:
          pauses.length === 0
            ? `${starts.length} calls so far`
            : `${starts.length} calls, ${secondsText(Math.min(...pauses))} to ${secondsText(Math.max(...pauses))} apart`,
        holds: starts.length > 0,
      };
    },
  },
];
