import { deflateSync } from 'node:zlib';
import { GetSchemaVersionCommand, GlueClient } from '@aws-sdk/client-glue';
import { SchemaRegistry as OtherRegistry } from '@kafkajs/confluent-schema-registry';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { confluentRegistry, glueRegistry, registered } from '../../../lib/adapters/formats/index.ts';
import { type StubSchema, stubRegistry } from './stub-registry.ts';

const flightSchema = {
  type: 'record',
  name: 'Flight',
  namespace: 'air',
  fields: [
    { name: 'origin', type: 'string' },
    { name: 'delay', type: 'int' },
    { name: 'at', type: 'long' },
  ],
};
const flight = { origin: 'SFO', delay: 12, at: 1_700_000_000_000 };
const proto = `syntax = "proto3"; package air.v1;
message Zulu { string name = 1; }
message Leg { string from = 1; message Stop { int64 at = 1; Kind kind = 2; } repeated Stop stops = 2; enum Kind { NONE = 0; LONG = 1; } }`;

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
  vi.restoreAllMocks();
});
const serve = async (schemas: readonly StubSchema[], password?: string) => {
  const registry = await stubRegistry(schemas, password);
  open.push(registry.close);
  return registry;
};

describe("Confluent's registry", () => {
  it('reads Avro that another client wrote, and writes what that client reads', async () => {
    const { url } = await serve([{ subject: 'flights-value', schema: JSON.stringify(flightSchema) }]);
    const other = new OtherRegistry({ host: url });
    const ours = await registered({ registry: confluentRegistry({ url }), subject: 'flights-value' }).open();
    const theirs = await other.encode(1, flight);
    await ours.prepare!([theirs]);
    expect(ours.decode(theirs)).toStrictEqual(flight);
    expect({ ...(await other.decode(Buffer.from(ours.encode(flight)))) }).toEqual(flight);
    expect(() => ours.encode({ ...flight, delay: 'x' })).toThrow(/does not fit the Avro schema at delay/);
  });

  it('resolves older writers to the reader schema', async () => {
    const older = { ...flightSchema, fields: flightSchema.fields.slice(0, 2) };
    const readerSchema = {
      ...flightSchema,
      fields: [...flightSchema.fields.slice(0, 2), { name: 'at', type: 'long', default: -1 }],
    };
    const { url } = await serve([
      { subject: 'f', schema: JSON.stringify(older) },
      { subject: 'f', schema: JSON.stringify(flightSchema) },
    ]);
    const other = new OtherRegistry({ host: url });
    const ours = await registered({ registry: confluentRegistry({ url }), readerSchema }).open();
    const messages = [await other.encode(1, { origin: 'A', delay: 1 }), await other.encode(2, flight)];
    await ours.prepare!(messages);
    expect(messages.map((m) => ours.decode(m))).toStrictEqual([{ origin: 'A', delay: 1, at: -1 }, flight]);
  });

  it('asks for a schema once, and not again for one that is missing', async () => {
    const { url, asked } = await serve([{ subject: 'f', schema: JSON.stringify(flightSchema) }]);
    const ours = await registered({ registry: confluentRegistry({ url }) }).open();
    const good = await new OtherRegistry({ host: url }).encode(1, flight);
    const unknown = Buffer.concat([Uint8Array.of(0, 0, 0, 0, 9), good.subarray(5)]);
    asked.length = 0;
    for (let i = 0; i < 3; i++) await ours.prepare!([good, unknown, good]);
    expect(asked).toEqual(['/schemas/ids/1', '/schemas/ids/9']);
    expect(() => ours.decode(unknown)).toThrow(/schema 9/);
    expect(() => ours.decode(Buffer.from('{}'))).toThrow(/does not begin as a message/);
  });

  it('asks again after a while for a schema that was missing', async () => {
    const schemas: StubSchema[] = [];
    const { url } = await serve(schemas);
    const ours = await registered({ registry: confluentRegistry({ url }) }).open();
    const message = Buffer.from('\0\0\0\0\x01\x06SFO\x02\x04', 'latin1');
    await ours.prepare!([message]);
    expect(() => ours.decode(message)).toThrow(/schema 1/);
    schemas.push({ subject: 'f', schema: JSON.stringify(flightSchema) });
    const now = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => now + 60_000);
    await ours.prepare!([message]);
    expect(ours.decode(message)).toStrictEqual({ origin: 'SFO', delay: 1, at: 2 });
  });

  it('makes bad records of messages whose schema cannot be understood, and of no others', async () => {
    const { url } = await serve([
      { subject: 'f', schema: JSON.stringify(flightSchema) },
      { subject: 'g', schema: '{"type":"record"}' },
    ]);
    const ours = await registered({ registry: confluentRegistry({ url }) }).open();
    const good = await new OtherRegistry({ host: url }).encode(1, flight);
    const bad = Buffer.concat([Uint8Array.of(0, 0, 0, 0, 2), good.subarray(5)]);
    await ours.prepare!([bad, good]);
    expect(ours.decode(good)).toStrictEqual(flight);
    expect(() => ours.decode(bad)).toThrow(
      expect.objectContaining({
        kind: 'bad-record',
        message: expect.stringMatching(/schema 2: the Avro schema cannot/),
      }),
    );
  });

  it('finds the Protobuf message by its indexes, nested ones too', async () => {
    const { url } = await serve([{ subject: 'legs', schema: proto, schemaType: 'PROTOBUF' }]);
    const registry = confluentRegistry({ url });
    const stop = { at: 1_700_000_000_000, kind: 'LONG' };
    const asStop = await registered({ registry, subject: 'legs', message: 'air.v1.Leg.Stop' }).open();
    const written = asStop.encode(stop);
    // Zero byte, id 1, their count 2, then 1 (Leg) and 0 (Stop), all zigzag.
    expect([...written.subarray(0, 8)]).toEqual([0, 0, 0, 0, 1, 4, 2, 0]);
    const reader = await registered({ registry }).open();
    const first = (await registered({ registry, subject: 'legs' }).open()).encode({ name: 'z' });
    expect([...first.subarray(0, 6)]).toEqual([0, 0, 0, 0, 1, 0]);
    await reader.prepare!([written, first]);
    expect(reader.decode(written)).toStrictEqual(stop);
    expect(reader.decode(first)).toStrictEqual({ name: 'z' });
    const big = await registered({ registry, longs: 'bigint' }).open();
    await big.prepare!([written]);
    expect(big.decode(written)).toStrictEqual({ ...stop, at: 1_700_000_000_000n });
    expect(() => reader.decode(Uint8Array.of(0, 0, 0, 0, 1, 4, 18, 0))).toThrow(/no message at 9.0/);
    expect(() => reader.decode(Uint8Array.of(0, 0, 0, 0, 1, 128))).toThrow(/cut short/);
  });

  it('reads JSON, follows references, and tells of a refusal', async () => {
    const place = { type: 'record', name: 'Place', namespace: 'air', fields: [{ name: 'code', type: 'string' }] };
    const trip = { type: 'record', name: 'Trip', namespace: 'air', fields: [{ name: 'to', type: 'air.Place' }] };
    const { url } = await serve(
      [
        { subject: 'j', schema: '{}', schemaType: 'JSON' },
        { subject: 'place', schema: JSON.stringify(place) },
        {
          subject: 'trip',
          schema: JSON.stringify(trip),
          references: [{ name: 'air.Place', subject: 'place', version: 1 }],
        },
      ],
      'secret',
    );
    const auth = () => ({ username: 'user', password: 'secret' });
    const json = await registered({ registry: confluentRegistry({ url, auth }), subject: 'j' }).open();
    expect(json.decode(json.encode({ a: 1 }))).toEqual({ a: 1 });
    const trips = await registered({ registry: confluentRegistry({ url, auth }), subject: 'trip' }).open();
    expect(trips.decode(trips.encode({ to: { code: 'SFO' } }))).toEqual({ to: { code: 'SFO' } });
    const format = registered({ registry: confluentRegistry({ url }), subject: 'trip' });
    await expect(format.open()).rejects.toMatchObject({ kind: 'unavailable', hint: 'give confluentRegistry its auth' });
    expect(JSON.stringify(format.options)).not.toContain('secret');
  });

  it('takes no password in its address', () => {
    expect(() => confluentRegistry({ url: 'https://ann:secret@registry.example' })).toThrow(/holds a user or password/);
  });

  it('is unavailable when it does not answer', async () => {
    const registry = await stubRegistry([]);
    await registry.close();
    const ours = await registered({ registry: confluentRegistry({ url: registry.url }) }).open();
    await expect(ours.prepare!([Uint8Array.of(0, 0, 0, 0, 1, 2)])).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe("Glue's registry", () => {
  const id = 'b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63';
  const answering = (type: string, text: string) => {
    vi.spyOn(GlueClient.prototype, 'send').mockImplementation((async (command: unknown) => {
      expect(command).toBeInstanceOf(GetSchemaVersionCommand);
      return { SchemaDefinition: text, DataFormat: type, SchemaVersionId: id };
    }) as never);
  };
  const options = { client: { region: 'us-east-1' } };

  it('frames with the version and reads compressed bodies', async () => {
    answering('AVRO', JSON.stringify(flightSchema));
    const format = await registered({ registry: glueRegistry(options), subject: 'flights' }).open();
    const written = format.encode(flight);
    expect(Buffer.from(written.subarray(0, 18)).toString('hex')).toBe(`0300${id.replaceAll('-', '')}`);
    expect(format.decode(written)).toStrictEqual(flight);
    const packed = Buffer.concat([Uint8Array.of(3, 5), written.subarray(2, 18), deflateSync(written.subarray(18))]);
    expect(format.decode(packed)).toStrictEqual(flight);
  });

  it('counts Protobuf messages by their full names, nested ones among them', async () => {
    answering('PROTOBUF', proto);
    const registry = glueRegistry(options);
    // In order: air.v1.Leg, air.v1.Leg.Stop, air.v1.Zulu.
    const zulu = await registered({ registry, subject: 'legs', message: 'air.v1.Zulu' }).open();
    expect(zulu.encode({ name: 'z' })[18]).toBe(2);
    const stop = await registered({ registry, subject: 'legs', message: 'air.v1.Leg.Stop' }).open();
    const written = stop.encode({ at: 5, kind: 'NONE' });
    expect(written[18]).toBe(1);
    expect(zulu.decode(written)).toStrictEqual({ at: 5, kind: 'NONE' });
  });
});
