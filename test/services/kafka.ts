import { type KafkaBroker, type KafkaOptions, startKafka } from '../../scripts/services/kafka.ts';
import { type SharedService, type UsableService, useService } from './run-service.ts';

const broker: SharedService = {
  name: 'kafka',
  start: async (folder) => ({ address: (await startKafka({ folder, quick: true })).address }),
};

/** The broker that the tests of a run share, or why there is none. Names of topics and groups must be a test's own. */
export const useKafka = (): Promise<UsableService> => useService(broker);

/** A broker of a test file's own, to be stopped, killed and started again in its folder; `startKafka` with the same options starts it. */
export const useOwnKafka = (
  name: string,
  options: Omit<KafkaOptions, 'folder'> = {},
): Promise<UsableService<KafkaBroker & { readonly options: KafkaOptions }>> =>
  useService({
    name,
    start: async (folder) => {
      const all = { folder, quick: true, ...options };
      return { ...(await startKafka(all)), options: all };
    },
  });
