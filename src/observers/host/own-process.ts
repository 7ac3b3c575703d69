/** What Node says of this process; to be replaced in tests. CPU in microseconds, uptime in seconds. */
export interface OwnProcess {
  readonly pid: number;
  resourceUsage(): Pick<
    NodeJS.ResourceUsage,
    | 'userCPUTime'
    | 'systemCPUTime'
    | 'voluntaryContextSwitches'
    | 'involuntaryContextSwitches'
    | 'minorPageFault'
    | 'majorPageFault'
  >;
  uptime(): number;
  residentBytes(): number;
  cwd(): string;
}

export const ownProcess: OwnProcess = {
  pid: process.pid,
  resourceUsage: () => process.resourceUsage(),
  uptime: () => process.uptime(),
  residentBytes: () => process.memoryUsage.rss(),
  cwd: () => {
    try {
      return process.cwd();
    } catch {
      return '/'; // the directory was removed
    }
  },
};
