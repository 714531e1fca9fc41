/** Faults put into a client of AWS, below its own retries: each call to the service is one attempt. */

/** What the stack of every client takes. */
interface Faulty {
  readonly middlewareStack: {
    // biome-ignore lint/suspicious/noExplicitAny: each client has types of its own for what passes through
    add(middleware: any, options: { step: 'deserialize'; priority: 'high'; name: string }): void;
    remove(name: string): boolean;
  };
}

export interface Attempt {
  /** Name of the command without "Command": PutItem, GetObject. */
  readonly command: string;
  /** Sends the request and gives what came back. */
  send(): Promise<unknown>;
}

/** Hands every attempt that the client makes to `decide`, until the returned function is called. */
export function meddle(client: Faulty, decide: (attempt: Attempt) => Promise<unknown>): () => void {
  const name = `meddle-${Math.random()}`;
  client.middlewareStack.add(
    (next: (args: unknown) => Promise<unknown>, context: { readonly commandName: string }) => (args: unknown) =>
      decide({ command: context.commandName.replace(/Command$/, ''), send: () => next(args) }),
    { step: 'deserialize', priority: 'high', name },
  );
  return () => void client.middlewareStack.remove(name);
}

/** Commands of all attempts, as they are made. */
export function attemptsMade(client: Faulty): string[] {
  const made: string[] = [];
  meddle(client, ({ command, send }) => {
    made.push(command);
    return send();
  });
  return made;
}

/** Does the first `times` attempts at a command, and loses their answers. */
export function loseAnswers(client: Faulty, times: number, command: string, meanwhile?: () => Promise<unknown>): void {
  let left = times;
  meddle(client, async (attempt) => {
    if (attempt.command !== command || left-- <= 0) return attempt.send();
    await attempt.send().catch(() => undefined);
    await meanwhile?.();
    throw unanswered();
  });
}

/** Loses the first `times` requests of a command before they arrive. */
export function loseRequests(client: Faulty, times: number, command: string, meanwhile?: () => Promise<unknown>): void {
  let left = times;
  meddle(client, async (attempt) => {
    if (attempt.command !== command || left-- <= 0) return attempt.send();
    await meanwhile?.();
    throw unanswered();
  });
}

/** Has the service refuse the first `times` attempts in its own words. */
export function refuse(client: Faulty, times: number, name: string, status: number, message = name): void {
  let left = times;
  meddle(client, async (attempt) => {
    if (left-- <= 0) return attempt.send();
    throw serviceError(name, status, message);
  });
}

export const serviceError = (name: string, status: number, message = name): Error =>
  Object.assign(new Error(message), {
    name,
    $fault: status < 500 ? 'client' : 'server',
    $metadata: { httpStatusCode: status },
  });

const unanswered = (): Error => Object.assign(new Error('no answer'), { name: 'TimeoutError', code: 'ETIMEDOUT' });
