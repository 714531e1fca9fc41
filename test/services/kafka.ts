import { startKafka } from '../../scripts/services/kafka.ts';
import { type SharedService, type UsableService, useService } from './run-service.ts';

const broker: SharedService = {
  name: 'kafka',
  start: async (folder) => ({ address: (await startKafka({ folder })).address }),
};

/** The broker that the tests of a run share, or why there is none. Names of topics and groups must be a test's own. */
export const useKafka = (): Promise<UsableService> => useService(broker);
