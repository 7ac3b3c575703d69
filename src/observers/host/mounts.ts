export interface Mount {
  readonly mountpoint: string;
  readonly type: string;
  readonly device: string;
}

/** File systems whose server may be away: asking them for their size can hang, and with it the end of the process. */
const REMOTE = /^(?:nfs|cifs|smb|9p|afs|ceph|gluster|lustre|fuse\.|sshfs|gpfs|beegfs|davfs|ncpfs)/;

export function isRemote(type: string): boolean {
  return REMOTE.test(type);
}

/** /proc/self/mountinfo (`man 5 proc_pid_mountinfo`). Later mounts hide earlier ones at the same place. */
export function parseMounts(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const separator = line.indexOf(' - ');
    if (separator < 0) continue;
    const mountpoint = line.split(' ', 5)[4];
    const [type, device] = line.slice(separator + 3).split(' ', 2);
    if (mountpoint === undefined || type === undefined) continue;
    mounts.push({ mountpoint: unescape(mountpoint), type, device: unescape(device ?? '') });
  }
  return mounts;
}

/** The mount that holds an absolute path; undefined when none is known. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    const { mountpoint } = mount;
    const holds = mountpoint === '/' || path === mountpoint || path.startsWith(`${mountpoint}/`);
    if (holds && (!found || mountpoint.length >= found.mountpoint.length)) found = mount;
  }
  return found;
}

/** Spaces and the like are written as octal numbers: `\040`. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
