/** Rules of commits, snapshots, debts and garbage. */
import type { Mutation } from './mutation.ts';

const COMMITTER = 'lib/runtime/committer.ts';
const TASK = 'lib/runtime/task.ts';
const GARBAGE = 'lib/runtime/garbage.ts';

export const commits: readonly Mutation[] = [
  {
    name: 'a slot is reused before a snapshot covers it',
    edits: [
      {
        file: COMMITTER,
        find: 'const needed = overwritten > (state.snapshot?.version ?? -1);',
        replace: 'const needed = false;',
      },
    ],
    scenarios: ['rolling'],
  },
  {
    name: 'a commit without condition',
    edits: [
      {
        file: 'lib/testing/simulation/stored-commits.ts',
        find: "if (found !== expect) return 'lost';",
        replace: '',
      },
    ],
    scenarios: ['rolling'],
  },
  {
    name: 'the number of slots changes',
    edits: [
      {
        file: 'lib/runtime/open-run.ts',
        find: '    run: record,\n    task,',
        replace: '    run: { ...record, slots: record.slots + (ports.random.next() < 0.5 ? 1 : 0) },\n    task,',
      },
    ],
    scenarios: ['rolling'],
  },
  {
    name: 'commit, then append, without journal',
    edits: [
      {
        file: COMMITTER,
        find: 'if (!journaled && entries.length > 0) await log.append(entries);\n      outcome = await commits.put(run.id, task, slot, commit, expect);',
        replace:
          'outcome = await commits.put(run.id, task, slot, commit, expect);\n      if (!journaled && entries.length > 0) await log.append(entries);',
      },
    ],
    scenarios: ['rolling'],
  },
  {
    name: 'the cache is kept after a failed commit',
    edits: [
      {
        file: TASK,
        find: "      await state.close();\n      return { kind: 'lost' };",
        replace: "      return this.#keep(state, { kind: 'lost' });",
      },
      {
        file: TASK,
        find: '      return await this.#run(state, batch, now);\n    } catch (error) {\n      await state?.close().catch(() => {});',
        replace: '      return await this.#run(state, batch, now);\n    } catch (error) {\n      this.#cached = state;',
      },
    ],
    scenarios: ['rolling', 'windows'],
  },
  {
    name: 'an incomplete chain is accepted',
    edits: [
      { file: 'lib/protocol/chain.ts', find: 'return missing.length === 0 ?', replace: 'return missing.length >= 0 ?' },
    ],
    directed: 'incompleteChain',
  },
  {
    name: 'a blob is put after its commit',
    edits: [
      {
        file: COMMITTER,
        find: '    await blobs.put(name, body);',
        replace: '    void blobs.put(name, body).catch(() => {});',
      },
    ],
    scenarios: ['rolling'],
  },
  {
    name: 'garbage is what is older than the newest snapshot',
    edits: [
      { file: GARBAGE, find: 'snapshot }) => snapshot?.base ?? 0', replace: 'snapshot }) => snapshot?.version ?? 0' },
    ],
    scenarios: ['heavy'],
  },
  {
    name: 'garbage is what nothing refers to',
    edits: [
      {
        file: GARBAGE,
        find: '  return snapshotsOf(host).collect({',
        replace: `    const { decodeManifest } = await import('../state/index.ts');
    const kept = new Set<string>();
    for (const { snapshot } of live) {
      if (snapshot === undefined) continue;
      kept.add(snapshot.name);
      const bytes = await host.blobs.get(snapshot.name);
      if (bytes === undefined) return 0;
      for (const one of decodeManifest(snapshot.name, bytes).runs) for (const file of one.files) kept.add(file.name);
    }
    const names = await host.blobs.list(\`\${run.id}/\${task.stage}/\${task.partition}/snap/\`);
    await host.blobs.delete(names.filter((name) => !kept.has(name)));
    return snapshotsOf(host).collect({`,
      },
    ],
    scenarios: ['heavy', 'rolling'],
  },
  {
    name: 'a nondeterministic stage is not journaled',
    edits: [
      { file: COMMITTER, find: 'const undecided = (stage.journaled || decided)', replace: 'const undecided = decided' },
    ],
    scenarios: ['journaled'],
  },
  {
    name: 'debts are not appended first',
    edits: [
      {
        file: COMMITTER,
        find: '    await this.#pay(state, state.debts);\n    state.debts = [];',
        replace: '    state.debts = [];',
      },
    ],
    scenarios: ['journaled', 'letters'],
  },
  {
    name: 'the decision to give a record up is kept in memory',
    edits: [
      {
        file: COMMITTER,
        find: 'const undecided = (stage.journaled || decided)',
        replace: 'const undecided = stage.journaled',
      },
    ],
    scenarios: ['moody'],
  },
];
