#!/usr/bin/env node
/**
 * `llm-otel`. Everything but the check of Node's version is loaded after it: an older Node fails already while it
 * loads modules that it does not have, with a message that helps nobody.
 */
import { isNewEnough, OLDEST_NODE } from '../conventions/node-version.ts';

if (isNewEnough(process.versions.node)) {
  const { runCommand } = await import('./program.ts');
  await runCommand(process.argv);
} else {
  process.stderr.write(
    `llm-otel: this is Node ${process.versions.node} (${process.execPath}); Node ${OLDEST_NODE} or newer is needed\n`,
  );
  process.exitCode = 1;
}
