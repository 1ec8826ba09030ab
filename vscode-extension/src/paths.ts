import * as fs from "node:fs";
import * as path from "node:path";

/** Whether `file` lies in one of `roots`, as written or behind any symbolic link on the way to it. */
export function liesInside(file: string, roots: readonly string[]): boolean {
  const resolvedRoots = [...roots.map((root) => path.resolve(root)), ...roots.map(followed)];
  const spellings = [path.resolve(file), followed(file), path.join(followed(path.dirname(file)), path.basename(file))];
  return spellings.some((spelling) => resolvedRoots.some((root) => contains(root, spelling)));
}

function contains(root: string, file: string): boolean {
  const relative = path.relative(root, file);
  return relative === "" || (relative !== ".." && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative));
}

function followed(file: string): string {
  try {
    return fs.realpathSync(file);
  } catch {
    return path.resolve(file);
  }
}
