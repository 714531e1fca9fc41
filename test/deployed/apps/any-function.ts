/** A stack that has nothing of millrace: a function behind a topic, which writes down what it is called with. */
import { App, Stack } from 'aws-cdk-lib';
import { CfnEventSourceMapping, Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';

const app = new App();
const setting = (name: string): string => String(app.node.tryGetContext(name));
const stack = new Stack(app, setting('stack'));
const fn = new LambdaFunction(stack, 'Function', {
  runtime: Runtime.NODEJS_24_X,
  handler: 'index.handler',
  environment: { FILE: setting('file') },
  code: Code.fromInline(
    "exports.handler = async (event) => require('fs').appendFileSync(process.env.FILE, JSON.stringify(event) + '\\n');",
  ),
});
new CfnEventSourceMapping(stack, 'Mapping', {
  functionName: fn.functionName,
  topics: [setting('topic')],
  startingPosition: 'TRIM_HORIZON',
  batchSize: 10,
  selfManagedEventSource: { endpoints: { kafkaBootstrapServers: [setting('brokers')] } },
  selfManagedKafkaEventSourceConfig: { consumerGroupId: `${setting('topic')}-group` },
});
