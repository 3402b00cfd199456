// Package devices reads one host's Pure block devices: SCSI paths, multipath
// maps, NVMe namespaces, and everything that uses them. It reads sysfs,
// procfs and /dev, and asks the kernel only what no file holds. It never
// reads a device's data.
package devices
