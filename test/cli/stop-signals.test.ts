import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { listenForStop, type StopSignals } from '../../cli/stop-signals.ts';

describe('a signal to stop', () => {
  const said: string[] = [];
  const exits: unknown[] = [];
  let stop: StopSignals;

  beforeEach(() => {
    said.length = 0;
    exits.length = 0;
    vi.useFakeTimers();
    vi.spyOn(process, 'exit').mockImplementation((code) => exits.push(code) as never);
    stop = listenForStop((text) => said.push(text.trim()), 'millrace run . -d data');
  });

  afterEach(() => {
    stop.end();
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it.for([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s asks for a clean end, and is the end within a second, whatever has not ended', ([signal, code]) => {
    expect(stop.signal.aborted).toBe(false);
    process.emit(signal, signal);
    expect(stop.signal.aborted).toBe(true);
    expect(stop.code()).toBe(code);
    expect(exits).toEqual([]);
    vi.advanceTimersByTime(999);
    expect(exits).toEqual([code]);
    expect(said[0]).toMatch(/^stopping/);
    expect(said[1]).toMatch(/up to the last commit is kept; go on with:\n {2}millrace run \. -d data$/);
  });

  it('leaves time for the clean end', () => {
    process.emit('SIGINT', 'SIGINT');
    vi.advanceTimersByTime(500);
    expect(exits).toEqual([]);
  });

  it('is the end at once when it comes again', () => {
    process.emit('SIGINT', 'SIGINT');
    process.emit('SIGINT', 'SIGINT');
    expect(exits).toEqual([130]);
    expect(said).toHaveLength(1);
  });

  it('is left to the system again at the end', () => {
    stop.end();
    expect([process.listenerCount('SIGINT'), process.listenerCount('SIGTERM')]).toEqual([0, 0]);
  });
});
