/** A line of /proc/PID/cgroup (`man 7 cgroups`): `hierarchy:controllers:path`. */
interface Membership {
  readonly controllers: readonly string[];
  readonly path: string;
}
/** A mount of a cgroup hierarchy, of /proc/PID/mountinfo. */
interface Hierarchy {
  readonly version: 1 | 2;
  /** What of the hierarchy is mounted: `/` unless in a container. */
  readonly root: string;
  readonly mountpoint: string;
  /** Version 1: its controllers. */
  readonly controllers: readonly string[];
}

/** Directories of the cgroup that a process is in. */
export type CgroupPaths =
  | {
      readonly version: 2;
      /** From the leaf upwards, as far as they are mounted. */
      readonly directories: readonly string[];
    }
  | {
      readonly version: 1;
      readonly memory: string | undefined;
      readonly cpu: string | undefined;
      readonly cpuacct: string | undefined;
      /** At the root of its hierarchy: perhaps the whole machine. */
      readonly memoryIsRoot: boolean;
      readonly cpuIsRoot: boolean;
    };

/**
 * Finds the cgroup of a process. Controllers that are mounted as version 1 win over an empty version 2 hierarchy beside
 * them (hybrid systems).
 *
 * @param exists Whether a directory is there.
 */
export function cgroupPaths(
  cgroup: string,
  mountinfo: string,
  exists: (path: string) => boolean,
): CgroupPaths | undefined {
  const memberships = cgroup.split('\n').flatMap(parseMembership);
  const hierarchies = mountinfo.split('\n').flatMap(parseHierarchy);
  const v1 = (controller: string): { directory: string; isRoot: boolean } | undefined => {
    const membership = memberships.find(({ controllers }) => controllers.includes(controller));
    const hierarchy = hierarchies.find(
      ({ version, controllers }) => version === 1 && controllers.includes(controller),
    );
    if (!membership || !hierarchy) return undefined;
    return {
      directory: directoryOf(membership, hierarchy, exists),
      isRoot: membership.path === '/' && hierarchy.root === '/',
    };
  };
  const memory = v1('memory');
  const cpu = v1('cpu');
  if (memory || cpu) {
    return {
      version: 1,
      memory: memory?.directory,
      cpu: cpu?.directory,
      cpuacct: v1('cpuacct')?.directory,
      memoryIsRoot: memory?.isRoot ?? true,
      cpuIsRoot: cpu?.isRoot ?? true,
    };
  }
  const membership = memberships.find(({ controllers }) => controllers.length === 0);
  const hierarchy = hierarchies.find(({ version }) => version === 2);
  if (!membership || !hierarchy) return undefined;
  const leaf = directoryOf(membership, hierarchy, exists);
  const directories: string[] = [];
  for (let at = leaf; at.length >= hierarchy.mountpoint.length; at = at.slice(0, at.lastIndexOf('/'))) {
    directories.push(at);
    if (at === hierarchy.mountpoint) break;
  }
  return { version: 2, directories };
}

function parseMembership(line: string): Membership[] {
  const match = /^\d+:([^:]*):(.*)$/.exec(line);
  return match
    ? [{ controllers: (match[1] as string).split(',').filter(Boolean), path: match[2] as string }]
    : [];
}

function parseHierarchy(line: string): Hierarchy[] {
  const [before, after] = line.split(' - ', 2);
  const [, , , root, mountpoint] = (before ?? '').split(' ');
  const [type, , options = ''] = (after ?? '').split(' ');
  if (root === undefined || mountpoint === undefined || (type !== 'cgroup' && type !== 'cgroup2')) return [];
  return [{ version: type === 'cgroup' ? 1 : 2, root, mountpoint, controllers: options.split(',') }];
}

/** The path is of the whole hierarchy, of which perhaps only the container's part is mounted. */
function directoryOf(
  { path }: Membership,
  { root, mountpoint }: Hierarchy,
  exists: (path: string) => boolean,
): string {
  const within =
    root === '/' ? path : path === root ? '' : path.startsWith(`${root}/`) ? path.slice(root.length) : path;
  const directory = within === '/' ? mountpoint : `${mountpoint}${within}`;
  // A namespace may show a path that is not mounted here: the mount itself is the container's then.
  return exists(directory) ? directory : mountpoint;
}
