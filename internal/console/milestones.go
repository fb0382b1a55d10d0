package console

import (
	"regexp"
	"time"
)

// Stage is a point that a boot passes.
type Stage string

// The stages in their usual order.
const (
	Firmware         Stage = "firmware"
	Bootloader       Stage = "bootloader"
	Kernel           Stage = "kernel"
	Init             Stage = "init"               // the first process runs
	CloudInitLocal   Stage = "cloud-init-local"   // before the network
	Network          Stage = "network"            // an address, by DHCP or otherwise
	CloudInitNetwork Stage = "cloud-init-network" // sshd starts only after this one
	Metadata         Stage = "metadata"           // the metadata service or config drive was read
	AuthorizedKeys   Stage = "authorized-keys"
	HostKeys         Stage = "host-keys"
	SSHD             Stage = "sshd"
	CloudInitConfig  Stage = "cloud-init-config"
	CloudInitFinal   Stage = "cloud-init-final"
	Finished         Stage = "finished" // cloud-init is done
	LoginPrompt      Stage = "login-prompt"
)

// Milestone is a stage that the boot has reached.
type Milestone struct {
	Stage  Stage
	Uptime time.Duration // since the kernel started; 0 where the line tells none
	Line   string
}

var milestoneMarks = []struct {
	stage Stage
	words *regexp.Regexp
}{
	{Firmware, stages[0].words},
	{Bootloader, stages[1].words},
	{Kernel, stages[2].words},
	{Init, regexp.MustCompile(`systemd\[1\]: |Welcome to .{1,80}!$|OpenRC .{1,40} is starting up|^Starting syslogd`)},
	{CloudInitLocal, regexp.MustCompile(`Cloud-init v\. .* running 'init-local'`)},
	{Network, regexp.MustCompile(`(?i)lease of [0-9.]{7,15} obtained|bound to [0-9.]{7,15} `)},
	{CloudInitNetwork, regexp.MustCompile(`Cloud-init v\. .* running 'init'`)},
	{Metadata, regexp.MustCompile(`successful after \d+/\d+ tries: up|Cloud-init v\. .* finished at .* Datasource DataSource(?:OpenStack|ConfigDrive|Ec2|NoCloud)`)},
	{AuthorizedKeys, regexp.MustCompile(`ci-info: \+*Authorized keys from |Ignition: wrote ssh authorized keys file`)},
	{HostKeys, regexp.MustCompile(`-----END SSH HOST KEY |SSH host key: SHA256:`)},
	{SSHD, regexp.MustCompile(`Started .*(?:OpenBSD Secure Shell server|OpenSSH (?:server )?daemon|OpenSSH Daemon)|Starting dropbear sshd: .*OK|Starting sshd .*\[ ok \]`)},
	{CloudInitConfig, regexp.MustCompile(`Cloud-init v\. .* running 'modules:config'`)},
	{CloudInitFinal, regexp.MustCompile(`Cloud-init v\. .* running 'modules:final'`)},
	{Finished, regexp.MustCompile(`Cloud-init v\. .* finished at `)},
	{LoginPrompt, regexp.MustCompile(`^[^ ]{1,255} login:`)},
}

// milestones gives each stage once, where the boot first reached it.
func milestones(lines []line) []Milestone {
	var out []Milestone
	seen := make(map[Stage]bool)
	add := func(s Stage, l line) {
		if !seen[s] {
			seen[s] = true
			out = append(out, Milestone{s, l.uptime, bounded(l.text)})
		}
	}
	for _, l := range lines {
		if d, ok := readDevice(l.text); ok && d.addressed {
			add(Network, l)
		}
		for _, m := range milestoneMarks {
			if !seen[m.stage] && m.words.MatchString(l.text) {
				add(m.stage, l)
			}
		}
	}
	return out
}
