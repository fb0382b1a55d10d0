package console

import "testing"

func TestReachedAndOver(t *testing.T) {
	const kernel, init = "[    0.000000] Linux version 6.1.0 (x)\n", "[ 3.14] cloud-init[301]: Cloud-init v. 22.4 running 'init' at Mon, 01 Jan 2024. Up 3.14 seconds.\n"
	for _, test := range []struct {
		name, text string
		reached    Stage
		over       bool
	}{
		{"nothing", "", "", false},
		{"kernel", kernel, Kernel, false},
		{"cloud-init", kernel + init, CloudInitNetwork, false},
		{"the prompt comes before cloud-init is done", kernel + init + "web login: ", LoginPrompt, false},
		{"cloud-init is done", kernel + init + "web login: \nCloud-init v. 22.4 finished at Mon, 01 Jan 2024. Up 9.87 seconds\n", Finished, true},
		{"no cloud-init", kernel + "Starting dropbear sshd: OK\nweb login: ", LoginPrompt, true},
		{"the next boot has begun", kernel + "web login: \n" + kernel, Kernel, false},
	} {
		l := Parse(test.text)
		if l.Reached() != test.reached || l.Over() != test.over {
			t.Errorf("%s: reached %q, over %v", test.name, l.Reached(), l.Over())
		}
	}
}

// Every stage has a name for people; cloud-init's own share one.
func TestStageNames(t *testing.T) {
	for _, m := range milestoneMarks {
		if m.stage.Name() == "" {
			t.Errorf("%s has no name", m.stage)
		}
	}
	if CloudInitConfig.Name() != CloudInitLocal.Name() || Kernel.Name() == Network.Name() {
		t.Error("names do not tell the stages apart")
	}
}

// A fault that a later stage may mend is not the end of a boot.
func TestDead(t *testing.T) {
	for _, test := range []struct {
		text string
		want FaultID
	}{
		{"Kernel panic - not syncing: VFS\n", KernelPanic},
		{"No DHCPOFFERS received.\nYou are in emergency mode\n", EmergencyMode},
		{"grub rescue> ", GRUBRescue},
		{"No bootable device.\n", NoBootableDevice},
		{"No DHCPOFFERS received.\n[FAILED] Failed to start ssh.service - OpenBSD Secure Shell server.\n", ""},
		{"Kernel panic - not syncing: VFS\n[    0.000000] Linux version 6.1.0 (x)\n", KernelPanic},
		{"[    0.000000] Linux version 6.1.0 (x)\nKernel panic - not syncing: VFS\n[    0.000000] Linux version 6.1.0 (x)\n", ""},
	} {
		fault, dead := Parse(test.text).Dead()
		if fault.ID != test.want || dead != (test.want != "") {
			t.Errorf("%q: %q, %v", test.text, fault.ID, dead)
		}
	}
}
