import { existsSync } from 'node:fs';

/** Whole disks by name, for systems without /sys: SATA/SCSI, virtio, Xen, IDE, NVMe, SD cards. */
const WHOLE_DISK = /^(?:sd[a-z]+|vd[a-z]+|xvd[a-z]+|hd[a-z]+|nvme\d+n\d+|mmcblk\d+)$/;

/**
 * Tells physical disks from partitions, loop, RAM and device-mapper devices, which would count the same bytes again:
 * only a physical (or virtual machine's) disk has `/sys/block/NAME/device`. Asked once for each name.
 */
export class PhysicalDisks {
  readonly #root: string;
  readonly #byName: boolean;
  readonly #known = new Map<string, boolean>();

  /** @param sys Root of sysfs, `/sys`. */
  constructor(sys: string) {
    this.#root = `${sys}/block`;
    this.#byName = !existsSync(this.#root);
  }

  has(name: string): boolean {
    let known = this.#known.get(name);
    if (known === undefined) {
      // `/` in a device's name is `!` in sysfs (cciss!c0d0).
      known = this.#byName
        ? WHOLE_DISK.test(name)
        : existsSync(`${this.#root}/${name.replaceAll('/', '!')}/device`);
      this.#known.set(name, known);
    }
    return known;
  }

  /** Forgets what it knows: a name may come back as something else. */
  refresh(): void {
    this.#known.clear();
  }
}
