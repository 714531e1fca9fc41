/** Membership of a group: of any protocol type, since what a group shares out need not be partitions of topics. */
import type { Exchange } from './exchange.ts';
import type { WireReader, WireWriter } from './wire.ts';

/** The error codes that a member acts on. */
export const GroupCode = {
  illegalGeneration: 22,
  unknownMember: 25,
  rebalanceInProgress: 27,
  memberIdRequired: 79,
  fencedInstance: 82,
} as const;

/** Kafka's name for what members of a group have in common: groups of other types refuse to mix with it. */
const PROTOCOL_TYPE = 'millrace';

export interface GroupMember {
  readonly id: string;
  readonly metadata: Buffer;
}

export interface Joined {
  readonly error: number;
  readonly generation: number;
  readonly leader: string;
  readonly memberId: string;
  /** All members, told to the leader alone. */
  readonly members: readonly GroupMember[];
}

export interface JoinOptions {
  readonly group: string;
  /** Empty: not a member yet. */
  readonly memberId: string;
  readonly protocol: string;
  readonly metadata: Uint8Array;
  /** Milliseconds without a heartbeat after which a member counts as gone. */
  readonly sessionTimeout: number;
  /** Milliseconds that the others wait for a member to join again. */
  readonly rebalanceTimeout: number;
}

const bytes = (writer: WireWriter, value: Uint8Array): WireWriter => writer.int32(value.length).raw(value);
/** A copy: the answer's buffer is not kept. */
const read = (reader: WireReader): Buffer => Buffer.from(reader.raw(Math.max(0, reader.int32())));

/** Asks to be, or to stay, a member; answered when all members have asked. (JoinGroup 5) */
export const joinGroup = (options: JoinOptions): Exchange<Joined> => ({
  name: 'JoinGroup',
  apiKey: 11,
  apiVersion: 5,
  flexible: false,
  encode: (writer) => {
    writer.string(options.group).int32(options.sessionTimeout).int32(options.rebalanceTimeout);
    writer.string(options.memberId).nullableString(undefined).string(PROTOCOL_TYPE);
    writer.array([options], ({ protocol, metadata }) => bytes(writer.string(protocol), metadata));
  },
  decode: (reader) => {
    reader.int32();
    const error = reader.int16();
    const generation = reader.int32();
    reader.string();
    const leader = reader.string();
    const memberId = reader.string();
    const members = reader.array(() => {
      const id = reader.string();
      reader.nullableString();
      return { id, metadata: read(reader) };
    });
    return { error, generation, leader, memberId, members };
  },
});

export interface Membership {
  readonly group: string;
  readonly generation: number;
  readonly memberId: string;
}

/** The leader says who gets what, and everyone is told his own. (SyncGroup 3) */
export const syncGroup = (
  { group, generation, memberId }: Membership,
  shares: readonly { readonly id: string; readonly share: Uint8Array }[],
): Exchange<{ readonly error: number; readonly share: Buffer }> => ({
  name: 'SyncGroup',
  apiKey: 14,
  apiVersion: 3,
  flexible: false,
  encode: (writer) => {
    writer.string(group).int32(generation).string(memberId).nullableString(undefined);
    writer.array(shares, ({ id, share }) => bytes(writer.string(id), share));
  },
  decode: (reader) => {
    reader.int32();
    return { error: reader.int16(), share: read(reader) };
  },
});

/** Says that the member lives; told whether the group is changing. (Heartbeat 3) */
export const heartbeat = ({ group, generation, memberId }: Membership): Exchange<number> => ({
  name: 'Heartbeat',
  apiKey: 12,
  apiVersion: 3,
  flexible: false,
  encode: (writer) => writer.string(group).int32(generation).string(memberId).nullableString(undefined),
  decode: (reader) => {
    reader.int32();
    return reader.int16();
  },
});

/** Gives up membership at once. (LeaveGroup 3) */
export const leaveGroup = (group: string, memberId: string): Exchange<number> => ({
  name: 'LeaveGroup',
  apiKey: 13,
  apiVersion: 3,
  flexible: false,
  encode: (writer) => {
    writer.string(group).array([memberId], (id) => writer.string(id).nullableString(undefined));
  },
  decode: (reader) => {
    reader.int32();
    return reader.int16();
  },
});
