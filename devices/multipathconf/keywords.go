package multipathconf

import (
	"maps"
	"strings"
)

// section is a kind of section: the keywords that may stand in it, and the
// sections.
type section struct {
	keys map[string]reading
	sub  map[string]*section
}

// Keys are the settings whose value Effective knows.
var Keys = []string{
	"dev_loss_tmo", "fast_io_fail_tmo", "features", "find_multipaths", "find_multipaths_timeout", "flush_on_last_del",
	"no_path_retry", "polling_interval", "purge_disconnected", "queue_without_daemon", "recheck_wwid", "skip_kpartx",
	"user_friendly_names",
}

// defaultValues are what counts where nobody says anything.
var defaultValues = map[string]string{
	"fast_io_fail_tmo": "5", "features": "0", "find_multipaths": "strict", "find_multipaths_timeout": "-10", "flush_on_last_del": "no",
	"polling_interval": "5", "queue_without_daemon": "no", "recheck_wwid": "no", "skip_kpartx": "no", "user_friendly_names": "no",
}

// global are the keywords of the section defaults alone that we read.
var global = map[string]reading{
	"find_multipaths": finding, "find_multipaths_timeout": patience, "polling_interval": interval,
	"max_polling_interval": interval, "queue_without_daemon": yesNo,
}

// ofMaps are those that may also stand in sections for devices and in
// overrides, ofOne those that may stand in a section for one map.
var (
	ofOne = map[string]reading{
		"features": featured, "flush_on_last_del": flushing, "no_path_retry": retries, "skip_kpartx": yesNo, "user_friendly_names": yesNo,
	}
	ofPaths = map[string]reading{"dev_loss_tmo": loss, "fast_io_fail_tmo": failing}
	ofMaps  = join(ofOne, ofPaths, map[string]reading{"recheck_wwid": yesNo, "purge_disconnected": yesNo})
)

func join(all ...map[string]reading) map[string]reading {
	joined := map[string]reading{}
	for _, one := range all {
		maps.Copy(joined, one)
	}
	return joined
}

// others are keywords that we have no use for, of all versions from 0.8 to
// 0.14, so that they are not called unknown.
func others(names string) map[string]reading {
	all := map[string]reading{}
	for _, name := range strings.Fields(names) {
		all[name] = anything
	}
	return all
}

const (
	commonNames = "path_grouping_policy path_selector prio prio_args failback rr_weight rr_min_io rr_min_io_rq pg_timeout delay_watch_checks " +
		"delay_wait_checks san_path_err_threshold san_path_err_forget_rate san_path_err_recovery_time marginal_path_err_sample_time " +
		"marginal_path_err_rate_threshold marginal_path_err_recheck_gap_time marginal_path_double_failed_time max_sectors_kb ghost_delay deferred_remove"
	deviceNames = commonNames + " uid_attribute getuid_callout path_checker checker alias_prefix eh_deadline retain_attached_hw_handler detect_prio " +
		"detect_checker detect_pgpolicy detect_pgpolicy_use_tpg all_tg_pt max_retries"
	defaultNames = deviceNames + " verbosity reassign_maps multipath_dir uid_attrs max_fds checker_timeout allow_usb_devices mode uid gid bindings_file " +
		"wwids_file prkeys_file log_checker_err reservation_key force_sync strict_timing partition_delimiter config_dir uxsock_timeout " +
		"retrigger_tries retrigger_delay missing_uev_wait_timeout disable_changed_wwids remove_retries enable_foreign marginal_pathgroups auto_resize"
)

var (
	listing = section{
		keys: others("devnode wwid property protocol"),
		sub:  map[string]*section{"device": {keys: others("vendor product")}},
	}
	root = section{sub: map[string]*section{
		"defaults":             {keys: join(others(defaultNames), ofMaps, global)},
		"blacklist":            &listing,
		"blacklist_exceptions": &listing,
		"devices": {sub: map[string]*section{
			"device": {keys: join(others(deviceNames+" vendor product revision product_blacklist hardware_handler vpd_vendor"), ofMaps)},
		}},
		"overrides": {
			keys: join(others(deviceNames), ofMaps),
			sub: map[string]*section{"protocol": {
				keys: join(others("eh_deadline"), ofPaths, map[string]reading{"type": protocol}),
			}},
		},
		"multipaths": {sub: map[string]*section{
			"multipath": {keys: join(others(commonNames+" wwid alias mode uid gid reservation_key"), ofOne)},
		}},
	}}
)

// bare are the names of sections that multipath enters though no brace follows
// on their line.
var bare = set(strings.Fields("defaults blacklist blacklist_exceptions devices device multipaths multipath"))

// protocol takes one of the protocols.
func protocol(value string) (string, bool) { return value, protocols[value] }

// protocols are the types that a section protocol may have.
var protocols = set(strings.Fields("undef ccw cciss scsi:fcp scsi:spi scsi:ssa scsi:sbp scsi:srp scsi:iscsi scsi:sas scsi:adt scsi:ata scsi:usb " +
	"scsi:unspec nvme:pcie nvme:rdma nvme:fc nvme:tcp nvme:loop nvme:apple-nvme nvme:unspec"))

func set(words []string) map[string]bool {
	all := map[string]bool{}
	for _, word := range words {
		all[word] = true
	}
	return all
}
