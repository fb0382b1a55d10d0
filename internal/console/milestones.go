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

// Name is what people call the stage; cloud-init's own are one to them.
func (s Stage) Name() string {
	switch s {
	case Bootloader:
		return "the boot loader"
	case Kernel:
		return "the kernel"
	case CloudInitLocal, CloudInitNetwork, CloudInitConfig, CloudInitFinal:
		return "cloud-init"
	case Network:
		return "the network's address"
	case Metadata:
		return "the metadata"
	case AuthorizedKeys:
		return "the authorized keys"
	case HostKeys:
		return "the host keys"
	case Finished:
		return "the end of cloud-init"
	case LoginPrompt:
		return "the login prompt"
	}
	return string(s)
}

// Milestone is a stage that the boot has reached.
type Milestone struct {
	Stage  Stage
	Uptime time.Duration // since the kernel started; 0 where the line tells none
	Line   string
}

var milestoneMarks = []struct {
	stage Stage
	mark  mark
}{
	{Firmware, firmwareMark},
	{Bootloader, bootloaderMark},
	{Kernel, kernelMark},
	{Init, mark{[]string{"systemd[1]: ", "Welcome to ", "OpenRC ", "Starting syslogd"}, regexp.MustCompile(`systemd\[1\]: |^(?:\[[ 0-9.]+\] )?Welcome to (?:[^G]|G[^R]).{0,80}!$|OpenRC .{1,40} is starting up|^Starting syslogd`)}},
	{CloudInitLocal, mark{words: []string{" running 'init-local' at "}}},
	{Network, mark{[]string{"ease of ", "bound to "}, regexp.MustCompile(`[Ll]ease of [0-9.]{7,15} obtained|bound to [0-9.]{7,15} `)}},
	{CloudInitNetwork, mark{words: []string{" running 'init' at "}}},
	{Metadata, mark{[]string{"successful after ", "Datasource DataSource"}, regexp.MustCompile(`successful after \d+/\d+ tries: up |Datasource DataSource(?:OpenStack|ConfigDrive|Ec2|NoCloud)`)}},
	{AuthorizedKeys, mark{words: []string{"+Authorized keys from ", "Ignition: wrote ssh authorized keys file"}}},
	{HostKeys, mark{words: []string{"-----END SSH HOST KEY ", "SSH host key: SHA256:"}}},
	{SSHD, mark{[]string{"Started ", "Starting dropbear sshd:", "Starting sshd"}, regexp.MustCompile(`Started .*(?:OpenBSD Secure Shell server|OpenSSH (?:server )?[Dd]aemon)|Starting dropbear sshd: .*OK|Starting sshd .*\[ ok \]`)}},
	{CloudInitConfig, mark{words: []string{" running 'modules:config' at "}}},
	{CloudInitFinal, mark{words: []string{" running 'modules:final' at "}}},
	{Finished, mark{[]string{" finished at "}, regexp.MustCompile(`Cloud-init v\. .* finished at `)}},
	{LoginPrompt, mark{[]string{" login:"}, regexp.MustCompile(`^[^ ]{1,255} login:`)}},
}

// Reached is the last stage that the boot came to, "" where the log tells none.
func (l Log) Reached() Stage {
	if len(l.Milestones) == 0 {
		return ""
	}
	return l.Milestones[len(l.Milestones)-1].Stage
}

// Over reports whether the boot has printed all that it will: cloud-init is
// done, or the login prompt stands where no cloud-init runs. With cloud-init
// the prompt comes first, and the host keys after it.
func (l Log) Over() bool {
	prompt, cloudInit := false, false
	for _, m := range l.Milestones {
		switch m.Stage {
		case Finished:
			return true
		case LoginPrompt:
			prompt = true
		case CloudInitLocal, CloudInitNetwork, CloudInitConfig, CloudInitFinal:
			cloudInit = true
		}
	}
	return prompt && !cloudInit
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
		if d, ok := readDevice(l.text); ok && d.addressed() {
			add(Network, l)
		}
		for _, m := range milestoneMarks {
			if !seen[m.stage] && m.mark.in(l.text) {
				add(m.stage, l)
			}
		}
	}
	return out
}
