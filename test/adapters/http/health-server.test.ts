import { describe, expect, it, onTestFinished } from 'vitest';
import { type HealthOptions, serveHealth } from '../../../lib/adapters/http/index.ts';

async function served(options: Partial<HealthOptions> = {}) {
  const server = await serveHealth({
    port: 0,
    health: () => ({ ok: true }),
    ready: () => ({ ok: false, tasks: ['a/0'] }),
    metrics: async () => 'up 1\n',
    ...options,
  });
  onTestFinished(() => server.close());
  const get = (path: string, method = 'GET') => fetch(`http://${server.address}${path}`, { method });
  return { server, get };
}

describe('the health server', () => {
  it('listens on this machine alone, unless told otherwise', async () => {
    const { server } = await served();
    expect(server.address).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it('answers 200 where all is well and 503 where not, with the facts', async () => {
    const { get } = await served();
    expect((await get('/health')).status).toBe(200);
    const ready = await get('/ready?probe=1');
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({ ok: false, tasks: ['a/0'] });
  });

  it("gives measurements as Prometheus' text", async () => {
    const { get } = await served();
    const metrics = await get('/metrics');
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await metrics.text()).toBe('up 1\n');
    expect(await (await get('/metrics', 'HEAD')).text()).toBe('');
  });

  it('knows no other paths and methods, and survives what throws', async () => {
    const { get } = await served({ metrics: () => Promise.reject(new Error('no meter')) });
    expect((await get('/')).status).toBe(404);
    expect((await get('/health', 'POST')).status).toBe(405);
    const failed = await get('/metrics');
    expect([failed.status, await failed.text()]).toEqual([500, 'no meter\n']);
    expect((await get('/health')).status).toBe(200);
  });

  it('says which address it cannot have', async () => {
    const { server } = await served();
    const port = Number(server.address.split(':')[1]);
    await expect(served({ port })).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining(`cannot listen on 127.0.0.1:${port}`),
    });
  });
});
