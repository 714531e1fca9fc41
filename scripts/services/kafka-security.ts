import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from './service.ts';

/** Users of a secure broker: `admin` may do all, `guest` nothing that it has not been granted. */
export const passwords: Readonly<Record<string, string>> = { admin: 'admin-secret', guest: 'guest-secret' };

/** Files, each in PKCS12 but for the authority, which is PEM. */
export interface Certificates {
  readonly server: string;
  /** The client's key and certificate, by the name of CN=client. */
  readonly client: string;
  /** What the broker trusts. */
  readonly trusted: string;
  /** The server's own certificate, for clients to trust. */
  readonly authority: string;
  readonly password: string;
}

/** Self-signed certificates of a broker on 127.0.0.1 and of a client, made by the `keytool` that comes with Java. */
export function certify(folder: string): Certificates {
  const password = 'store-secret';
  const at = (name: string) => join(folder, name);
  const certificates: Certificates = {
    server: at('server.p12'),
    client: at('client.p12'),
    trusted: at('trusted.p12'),
    authority: at('server.pem'),
    password,
  };
  if (existsSync(certificates.authority)) return certificates;
  mkdirSync(folder, { recursive: true });
  const store = (file: string) => ['-keystore', file, '-storetype', 'PKCS12', '-storepass', password];
  for (const [file, name] of [
    [certificates.server, 'localhost'],
    [certificates.client, 'client'],
  ] as const) {
    runProgram('keytool', [
      ...['-genkeypair', '-alias', name, '-keyalg', 'EC', '-groupname', 'secp256r1', '-validity', '3650'],
      ...['-dname', `CN=${name}`, '-ext', 'SAN=IP:127.0.0.1,DNS:localhost', ...store(file)],
    ]);
  }
  const clientPem = at('client.pem');
  runProgram('keytool', ['-exportcert', '-rfc', '-alias', 'client', '-file', clientPem, ...store(certificates.client)]);
  runProgram('keytool', [
    '-importcert',
    '-noprompt',
    '-alias',
    'client',
    '-file',
    clientPem,
    ...store(certificates.trusted),
  ]);
  runProgram('keytool', [
    ...['-exportcert', '-rfc', '-alias', 'localhost', '-file', certificates.authority],
    ...store(certificates.server),
  ]);
  return certificates;
}
