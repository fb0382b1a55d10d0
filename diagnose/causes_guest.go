package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"osssh/internal/console"
	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/secgroup"
)

// guestCauses are those that the catalogue numbers with O: what the console
// tells of the last boot, and what kind of guest it is.
func guestCauses() []Cause {
	return []Cause{
		{
			ID: "O1", Slug: "boot-failed", Layer: Boot,
			Title: "the system does not boot: kernel panic, boot loader, no bootable device",
			Shows: "a timeout",
			Told:  "the console's last boot",
			Mends: "openstack server rescue, and repair its disk",
			Find:  findBootFailed,
		},
		{
			ID: "O2", Slug: "emergency-mode", Layer: Boot,
			Title: "the boot stands in emergency mode: fstab, fsck",
			Shows: "a timeout, or refused",
			Told:  "the console's last boot",
			Mends: "openstack server rescue, and mend /etc/fstab or run fsck",
			Find:  findEmergencyMode,
		},
		{
			ID: "O3", Slug: "no-dhcp-lease", Layer: Boot,
			Title: "the server got no address by DHCP",
			Shows: "a timeout",
			Told:  "the console: No DHCPOFFERS, or interfaces without an address",
			Mends: "the subnet's DHCP, egress rules (OVN), the network's DHCP agent; then a reboot",
			Find:  findNoLease,
		},
		{
			ID: "O4", Slug: "metadata-unreachable", Layer: User,
			Title: "the server did not reach the metadata service, so no key was installed",
			Shows: "Permission denied, after a slow boot",
			Told:  "the console: calls to 169.254.169.254 fail, and none succeeds",
			Mends: "the router or DHCP agent that serves metadata, or a config drive",
			Find:  findMetadataUnreachable,
		},
		{
			ID: "O5", Slug: "sshd-failed", Layer: Boot,
			Title: "the SSH server failed to start",
			Shows: "Connection refused",
			Told:  "the console: Failed to start OpenSSH",
			Mends: "openstack server rescue, then sshd -t on its disk",
			Find:  findSSHDFailed,
		},
		{
			ID: "O6", Slug: "still-booting", Layer: Boot,
			Title: "cloud-init is still at work: sshd comes after it",
			Shows: "Connection refused, for some minutes after a start",
			Told:  "the console has no end of the boot yet, and the server runs for less than five minutes",
			Mends: "osssh --wait NAME",
			Find:  findStillBooting,
		},
		{
			ID: "O7", Slug: "disk-full", Layer: Boot,
			Title: "the server's disk is full",
			Shows: "logins fail or end at once",
			Told:  "the console: No space left on device",
			Mends: "make room by the console, or a bigger flavor",
			Find:  findDiskFull,
		},
		{
			ID: "O8", Slug: "out-of-memory", Layer: Boot,
			Title: "the server is out of memory or overloaded",
			Shows: "the banner does not come, or the login hangs",
			Told:  "the console: Out of memory",
			Mends: "openstack server reboot --hard; a bigger flavor",
			Find:  findOutOfMemory,
		},
		{
			ID: "O9", Slug: "no-ssh-in-image", Layer: Boot,
			Title: "the image has no SSH server",
			Shows: "Connection refused",
			Told:  "os_distro: Talos is managed by its API only",
			Mends: "talosctl, by TCP port 50000",
			Find:  findNoSSHInImage,
		},
		{
			ID: "O10", Slug: "no-console", Layer: Boot,
			Title: "the server has no serial console: what happens in it cannot be seen",
			Shows: "silence, and nothing that explains it",
			Told:  "the console log is empty or not there",
			Mends: "an image whose kernel has console=ttyS0",
			Find:  findNoConsole,
		},
	}
}

// bootFault is the first fault of these kinds that the console shows.
func (f *Facts) bootFault(kinds ...console.FaultID) *console.Fault {
	for i, fault := range f.Nova.Console.Faults {
		if slices.Contains(kinds, fault.ID) {
			return &f.Nova.Console.Faults[i]
		}
	}
	return nil
}

// bootReached says whether the console shows one of these stages.
func (f *Facts) bootReached(stages ...console.Stage) bool {
	return slices.ContainsFunc(f.Nova.Console.Milestones, func(m console.Milestone) bool { return slices.Contains(stages, m.Stage) })
}

func consoleLine(fault console.Fault) string {
	return "its console says: " + strings.TrimSpace(fault.Line)
}

// rescue is the fix for what only another system can repair.
func (f *Facts) rescue(then string) Fix {
	if f.Nova.Server == nil {
		return Fix{Words: then}
	}
	fix := Fix{Command: "openstack server rescue " + f.Nova.Server.ID, Words: then}
	if f.Nova.Server.Image.ID == "" { // it boots from a volume
		fix.Command = "openstack --os-compute-api-version 2.87 server rescue " + f.Nova.Server.ID
	}
	return fix
}

func findBootFailed(f *Facts) *Finding {
	fault := f.bootFault(console.KernelPanic, console.GRUBRescue, console.NoBootableDevice)
	if fault == nil || f.working() != nil || f.bootReached(console.SSHD, console.LoginPrompt) && fault.ID != console.KernelPanic {
		return nil
	}
	return &Finding{
		Confidence: Certain, What: fmt.Sprintf("%s does not boot (%s)", f.serverName(), strings.ReplaceAll(string(fault.ID), "-", " ")),
		Evidence: []string{consoleLine(*fault)},
		Fix:      f.rescue("then repair the boot on its own disk, which is the second one there"),
	}
}

func findEmergencyMode(f *Facts) *Finding {
	fault := f.bootFault(console.EmergencyMode)
	if fault == nil && !f.bootReached(console.SSHD, console.LoginPrompt) {
		fault = f.bootFault(console.FsckNeeded, console.MountFailed, console.FilesystemError)
	}
	if fault == nil || f.working() != nil {
		return nil
	}
	found := &Finding{
		Confidence: Certain, What: fmt.Sprintf("the boot of %s stands in emergency mode", f.serverName()),
		Fix: f.rescue("then mend /etc/fstab on its own disk, or run fsck on it"),
	}
	if fault.ID != console.EmergencyMode {
		found.What = fmt.Sprintf("the boot of %s stands at its file systems (%s)", f.serverName(), strings.ReplaceAll(string(fault.ID), "-", " "))
	}
	for _, kind := range []console.FaultID{console.MountFailed, console.FsckNeeded, console.FilesystemError, console.EmergencyMode} {
		if shown := f.bootFault(kind); shown != nil {
			found.Evidence = append(found.Evidence, consoleLine(*shown))
		}
	}
	if fault.ID == console.FilesystemError {
		found.Confidence = Probable
	}
	return found
}

func findNoLease(f *Facts) *Finding {
	fault := f.bootFault(console.NoAddress)
	if fault == nil && !f.bootReached(console.Network) { // a later try may have succeeded
		fault = f.bootFault(console.NoDHCPLease)
	}
	if fault == nil || f.working() != nil {
		return nil
	}
	found := &Finding{
		Confidence: Certain, What: fmt.Sprintf("%s got no address by DHCP", f.serverName()),
		Evidence: []string{consoleLine(*fault)},
		Fix:      Fix{Words: "if it stays, tell the operator that DHCP does not answer on its network"},
	}
	found.Fix.Command = "openstack server reboot " + f.serverID()
	for _, subnet := range f.Neutron.Subnets {
		if !subnet.EnableDHCP { // then that is the cause
			found.Confidence = Probable
		}
	}
	return found
}

// metadataUnread says that the boot called the metadata service in vain.
func (f *Facts) metadataUnread() bool {
	return f.bootFault(console.MetadataUnreachable) != nil && !f.bootReached(console.Metadata) && len(f.Nova.Console.AuthorizedKeys) == 0
}

func findMetadataUnreachable(f *Facts) *Finding {
	if !f.metadataUnread() || f.working() != nil || f.admits() {
		return nil
	}
	fault := f.bootFault(console.MetadataUnreachable)
	found := &Finding{
		Confidence: Probable, What: fmt.Sprintf("%s did not reach the metadata service, so it has no key", f.serverName()),
		Evidence: []string{consoleLine(*fault)},
		Fix: Fix{Words: "see that its subnet has a router or a DHCP agent that serves metadata and that egress to 169.254.169.254 is admitted; " +
			"or make the server anew with --config-drive True"},
	}
	if f.Nova.Server != nil {
		found.Fix.Command = "openstack server reboot " + f.Nova.Server.ID
		found.Fix.Words = "the boot asks again; if it stays: " + found.Fix.Words
	}
	if f.denied() != nil {
		found.Confidence = Certain
	}
	return found
}

func findSSHDFailed(f *Facts) *Finding {
	fault := f.bootFault(console.SSHDFailed)
	if fault == nil || f.working() != nil {
		return nil
	}
	for _, m := range f.Nova.Console.Milestones { // it was started again
		if m.Stage == console.SSHD && m.Uptime > fault.Uptime {
			return nil
		}
	}
	found := &Finding{
		Confidence: Certain, What: fmt.Sprintf("the SSH server of %s failed to start", f.serverName()),
		Evidence: []string{consoleLine(*fault)},
		Fix:      f.rescue("then sshd -t on its own disk says why"),
	}
	if f.silent() { // its port would be refused
		found.Confidence = Probable
	}
	return found
}

const (
	bootPatience  = 5 * time.Minute
	retryPatience = 15 * time.Minute // while the metadata service does not answer
)

func findStillBooting(f *Facts) *Finding {
	server := f.Nova.Server
	if server == nil || server.Status != "ACTIVE" || f.Phase < Matched || f.connected() || f.Nova.Console.Over() {
		return nil
	}
	if _, dead := f.Nova.Console.Dead(); dead || f.bootFault(console.SSHDFailed, console.FsckNeeded) != nil {
		return nil
	}
	started := f.lastStart()
	age, patience := f.At.Add(f.Setup.Clock).Sub(started), bootPatience
	if f.bootFault(console.MetadataUnreachable) != nil {
		patience = retryPatience
	}
	if started.IsZero() || age > patience {
		return nil
	}
	found := &Finding{
		Confidence: Possible, What: fmt.Sprintf("%s was started %s ago and may still boot", server.Name, max(age, 0).Round(time.Second)),
		Fix: Fix{Command: "osssh --wait " + terminal.Quote(f.Name)},
	}
	if stage := f.Nova.Console.Reached(); stage != "" {
		found.Confidence = Probable
		found.What = fmt.Sprintf("%s was started %s ago and still boots", server.Name, max(age, 0).Round(time.Second))
		found.Evidence = []string{"its console has come to: " + stage.Name()}
	}
	return found
}

// lastStart is when the server was started last, zero where that is not known.
func (f *Facts) lastStart() time.Time {
	last := f.Nova.Server.LaunchedAt
	for _, action := range f.Nova.Actions {
		starts := slices.Contains([]string{"create", "start", "reboot", "rebuild", "unshelve", "resume", "unpause", "rescue", "unrescue", "evacuate", "migrate", "resize"}, action.Action)
		if starts && action.Start.After(last.Time) {
			last = openstack.Time{Time: action.Start.Time}
		}
	}
	return last.Time
}

// connected says whether TCP was established with an address that a login dials.
func (f *Facts) connected() bool {
	return slices.ContainsFunc(f.Probes, func(p Probe) bool { return p.Connected() && !p.PassedOver })
}

// sessionFailing says that a user was let in, or nearly, and that no command ran.
func (f *Facts) sessionFailing() bool {
	return slices.ContainsFunc(f.failing(), func(l LoginProbe) bool { return l.Signed || l.Accepted != nil })
}

func findDiskFull(f *Facts) *Finding {
	fault := f.bootFault(console.NoSpace)
	if fault == nil || f.working() != nil {
		return nil
	}
	found := &Finding{
		Confidence: Probable, What: fmt.Sprintf("the disk of %s is full", f.serverName()),
		Evidence: []string{consoleLine(*fault)},
		Fix:      f.rescue("then make room on its own disk; or a bigger flavor"), ByWire: true,
	}
	if f.sessionFailing() || f.connected() && f.denied() == nil && !f.silent() && f.furthest() < HostKey {
		found.Confidence = Certain
	}
	return found
}

func findOutOfMemory(f *Facts) *Finding {
	fault := f.bootFault(console.OutOfMemory)
	if fault == nil || f.working() != nil || f.denied() != nil {
		return nil
	}
	found := &Finding{
		Confidence: Probable, What: fmt.Sprintf("%s ran out of memory", f.serverName()),
		Evidence: []string{consoleLine(*fault)},
		Fix:      Fix{Words: "it restarts the server; if it comes again: a bigger flavor"}, ByWire: true,
	}
	found.Fix.Command = "openstack server reboot --hard " + f.serverID()
	return found
}

func findNoSSHInImage(f *Facts) *Finding {
	talos := strings.EqualFold(f.Nova.Image.OSDistro, "talos") || strings.HasPrefix(strings.ToLower(f.Nova.Image.Name), "talos")
	if !talos || f.Phase < Probed || f.connected() {
		return nil
	}
	found := &Finding{
		Confidence: Probable, What: fmt.Sprintf("the image %s has no SSH server: Talos is managed by its API", imageName(f.Nova.Image)),
		Evidence: []string{"os_distro " + f.Nova.Image.OSDistro},
		Fix:      Fix{Words: "talosctl, by TCP port 50000"},
	}
	if !f.silent() && len(f.Probes) > 0 { // the wire fits
		found.Confidence = Certain
	}
	return found
}

func findNoConsole(f *Facts) *Finding {
	server := f.Nova.Server
	if server == nil || server.Status != "ACTIVE" || f.Phase < Probed || f.Nova.ConsoleLen > 0 || !f.silent() {
		return nil
	}
	if f.Nova.ConsoleErr != nil && !openstack.IsNotFound(f.Nova.ConsoleErr) {
		return nil
	}
	for _, v := range f.Way.Verdicts {
		if v.Rules.Answer == secgroup.Deny { // then that explains it
			return nil
		}
	}
	evidence := "its console log is empty"
	if f.Nova.ConsoleErr != nil {
		evidence = "nova has no console log of it: " + f.Nova.ConsoleErr.Error()
	}
	return &Finding{
		Confidence: Probable, What: fmt.Sprintf("%s is silent, and has no serial console that would tell why", server.Name),
		Evidence: []string{evidence},
		Fix:      Fix{Command: "openstack console url show " + server.ID, Words: "shows its screen; for a log, an image whose kernel has console=ttyS0"},
	}
}
