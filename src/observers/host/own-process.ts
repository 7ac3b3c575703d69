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
  /** CPU alone: a third of the cost. */
  cpuUsage(): { user: number; system: number };
  uptime(): number;
  residentBytes(): number;
  cwd(): string;
}

export const ownProcess: OwnProcess = {
  pid: process.pid,
  resourceUsage: () => process.resourceUsage(),
  cpuUsage: () => process.cpuUsage(),
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
