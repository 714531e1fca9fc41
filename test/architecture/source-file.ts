/** What a TypeScript source says to the outside: its imports, types included, the names it exports, and the ambient things it touches. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseAst } from 'vitest/node';

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** Path from the project's root of a relative import; undefined for a package. */
  readonly target: string | undefined;
  /** Names taken from it; '*' for all of them. */
  readonly names: readonly string[];
  readonly line: number;
}

export interface Mention {
  readonly what: string;
  readonly line: number;
}

export interface SourceFile {
  /** From the project's root, with slashes. */
  readonly path: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  /** Names declared and exported here. */
  readonly exports: readonly Mention[];
  /** Globals it uses, and how: 'Date.now', 'new Date' without and 'new Date(...)' with arguments, 'setTimeout()', 'console' by itself. */
  readonly globals: readonly Mention[];
  /** Async functions, awaits and promises, as far as they are code and not types. */
  readonly asynchrony: readonly Mention[];
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [field: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';

/** Every TypeScript source below the folders, declarations left out. */
export function readSources(root: string, folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((path) => posix.join(folder, path.replaceAll('\\', '/')))
      .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
      .sort()
      .map((path) => parseSource(path, readFileSync(join(root, path), 'utf8'))),
  );
}

/** Reads one source. Throws where it is no TypeScript. */
export function parseSource(path: string, text: string): SourceFile {
  const program = parseAst(text, { lang: 'ts' }, path) as unknown as Node;
  const lineStarts = [...text.matchAll(/\n/g)].map((match) => match.index);
  const lineOf = (node: Node): number => lineStarts.filter((start) => start < node.start).length + 1;
  const imports: Import[] = [];
  const exports: Mention[] = [];
  const asynchrony: Mention[] = [];
  const references: { readonly root: string; readonly what: string; readonly line: number }[] = [];
  const declared = new Set<string>();

  const addImport = (node: Node, specifier: unknown, names: readonly string[]): void => {
    if (typeof specifier !== 'string') return;
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined;
    imports.push({ specifier, target, names, line: lineOf(node) });
  };

  walk(program, (node, parent, field) => {
    switch (node.type) {
      case 'ImportDeclaration':
        addImport(node, literalIn(node['source']), namesOf(node['specifiers']));
        for (const name of nodesIn(node['specifiers'])) declared.add(String(nameOf(name['local'])));
        return 'stop';
      case 'ExportAllDeclaration':
        addImport(node, literalIn(node['source']), ['*']);
        return 'stop';
      case 'ExportNamedDeclaration':
        if (node['source'] !== null) {
          addImport(node, literalIn(node['source']), namesOf(node['specifiers']));
          return 'stop';
        }
        for (const name of exportedNames(node)) exports.push({ what: name, line: lineOf(node) });
        return 'go on';
      case 'ImportExpression':
        addImport(node, literalIn(node['source']), ['*']);
        return 'go on';
      case 'TSImportType':
        addImport(node, literalIn(node['source']), ['*']);
        return 'go on';
      case 'ObjectPattern':
        for (const property of nodesIn(node['properties'])) declared.add(String(nameOf(property['value'])));
        return 'go on';
      case 'AwaitExpression':
        asynchrony.push({ what: 'await', line: lineOf(node) });
        return 'go on';
      case 'Identifier':
        if (binders.has(`${parent?.type}.${field}`)) declared.add(String(node['name']));
        else if (isReference(parent, field)) {
          references.push({ ...use(node, parent, field), line: lineOf(node) });
        }
        return 'go on';
      default:
        if (node['async'] === true) asynchrony.push({ what: 'async function', line: lineOf(node) });
        return 'go on';
    }
  });

  const globals = references.filter(({ root }) => !declared.has(root));
  for (const { what, line } of globals) if (/^new Promise|^Promise[.(]/.test(what)) asynchrony.push({ what, line });
  return { path, lines: text.replace(/\n$/, '').split('\n').length, imports, exports, globals, asynchrony };
}

type Visit = (node: Node, parent: Node | undefined, field: string) => 'go on' | 'stop';

function walk(node: Node, visit: Visit, parent?: Node, field = ''): void {
  if (visit(node, parent, field) === 'stop') return;
  for (const [name, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walk(child, visit, node, name);
  }
}

const nodesIn = (value: unknown): readonly Node[] => (Array.isArray(value) ? value.filter(isNode) : []);
const literalIn = (node: unknown): unknown => (isNode(node) ? node['value'] : undefined);
const nameOf = (node: unknown): unknown => (isNode(node) ? (node['name'] ?? node['value']) : undefined);

function namesOf(specifiers: unknown): readonly string[] {
  return nodesIn(specifiers).map((specifier) => {
    if (specifier.type === 'ImportNamespaceSpecifier') return '*';
    if (specifier.type === 'ImportDefaultSpecifier') return 'default';
    return String(nameOf(specifier['imported'] ?? specifier['local']));
  });
}

function exportedNames(node: Node): readonly string[] {
  const declaration = node['declaration'];
  if (!isNode(declaration))
    return nodesIn(node['specifiers']).map((specifier) => String(nameOf(specifier['exported'])));
  if (declaration.type !== 'VariableDeclaration') return [String(nameOf(declaration['id']))];
  return nodesIn(declaration['declarations']).map((each) => String(nameOf(each['id'])));
}

const binders = new Set([
  'VariableDeclarator.id',
  'FunctionDeclaration.id',
  'FunctionDeclaration.params',
  'FunctionExpression.id',
  'FunctionExpression.params',
  'ArrowFunctionExpression.params',
  'ClassDeclaration.id',
  'AssignmentPattern.left',
  'RestElement.argument',
  'ArrayPattern.elements',
  'CatchClause.param',
  'TSDeclareFunction.id',
]);

/** Whether the identifier stands for a value of that name, and is no property's name, label or type. */
function isReference(parent: Node | undefined, field: string): boolean {
  if (parent === undefined) return false;
  if (parent.type.startsWith('TS')) return field === 'expression' && parent.type.endsWith('Expression');
  if (field === 'key' && parent['computed'] !== true) return false;
  return !(parent.type === 'MemberExpression' && field === 'property' && parent['computed'] !== true);
}

function use(node: Node, parent: Node | undefined, field: string): { readonly root: string; readonly what: string } {
  const root = String(node['name']);
  if (parent?.type === 'MemberExpression' && field === 'object') {
    return { root, what: `${root}.${String(nameOf(parent['property']))}` };
  }
  if (parent?.type === 'NewExpression' && field === 'callee') {
    return { root, what: nodesIn(parent['arguments']).length === 0 ? `new ${root}` : `new ${root}(...)` };
  }
  if (parent?.type === 'CallExpression' && field === 'callee') return { root, what: `${root}()` };
  return { root, what: root };
}
