#!/usr/bin/env node
/**
 * `llm-otel`. Everything but the check of Node's version is loaded after it: an older Node fails already while it
 * loads modules that it does not have, with a message that helps nobody.
 */
import { isNewEnough, OLDEST_NODE } from '../conventions/node-version.ts';

if (isNewEnough(process.versions.node)) {
  const { runCommand } = await import('./program.ts');
  // What a command waits for need not hold the process (a connection that is kept, a time limit): the command does.
  const alive = setInterval(() => {}, 2 ** 30);
  await runCommand(process.argv);
  clearInterval(alive);
} else {
  process.stderr.write(
    `llm-otel: this is Node ${process.versions.node} (${process.execPath}); Node ${OLDEST_NODE} or newer is needed\n`,
  );
  process.exitCode = 1;
}
