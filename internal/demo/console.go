package demo

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

const cloudInit = "22.4.2-1+deb12u4"

// stage is a part of a boot: what the console prints, and what the SSH port
// answers from then on.
type stage struct {
	text string
	door doorway
}

// bootStages are what a boot does. The host keys are printed on a disk's first
// boot only, as by cloud-init's keys_to_console.
func (i *Instance) bootStages(first bool) []stage {
	stages := i.cloudInitStages(first)
	if i.user == "cirros" {
		stages = i.cirrosStages()
	}
	for n := range stages {
		// A serial console ends its lines with CR LF, and nova is handed that.
		stages[n].text = strings.ReplaceAll(stages[n].text, "\n", "\r\n")
	}
	return stages
}

func (i *Instance) cloudInitStages(first bool) []stage {
	name, now := i.server.hostname(), time.Now().UTC()
	stamp := now.Format("Mon, 02 Jan 2006 15:04:05 -0000")
	kernel := "[    0.000000] Linux version 6.1.0-37-cloud-amd64 (demo)\n" + fmt.Sprintf(
		"[    3.141592] cloud-init[301]: Cloud-init v. %s running 'init-local' at %s. Up 3.14 seconds.\n", cloudInit, stamp)
	network := ""
	if address := i.leased(); address != "" {
		network = "[    3.905518] dhclient[325]: bound to " + address + " -- renewal in 41892 seconds.\n"
	}
	network += fmt.Sprintf("[    4.669201] cloud-init[345]: Cloud-init v. %s running 'init' at %s. Up 4.66 seconds.\n", cloudInit, stamp)
	network += table("Net device info", []string{"Device", "Up", "Address", "Mask", "Scope", "Hw-Address"}, i.devices())
	end := fmt.Sprintf("[    9.869604] cloud-init[512]: Cloud-init v. %s finished at %s. Datasource DataSourceOpenStackLocal "+
		"[net,ver=2].  Up 9.87 seconds\n\nDebian GNU/Linux 12 %[3]s ttyS0\n\n%[3]s login: ", cloudInit, stamp, name)
	stages := []stage{{kernel, doorDrops}, {network, doorRefuses}, {i.keysTable(), doorRefuses}}
	if first {
		stages = append(stages, stage{i.fingerprints(now) + i.keyBlock("ecdsa-sha2-nistp256", ssh.KeyAlgoED25519, ssh.KeyAlgoRSA), doorRefuses})
	}
	return append(stages, stage{"[  OK  ] Started ssh.service - OpenBSD Secure Shell server.\n" + end, doorOpen})
}

// leased is the address that DHCP gives.
func (i *Instance) leased() string {
	for _, port := range i.cloud.network.portsOf[i.server.id] {
		if a := sourceOf(port, loopback); a.IsValid() {
			return a.String()
		}
	}
	return ""
}

// keysTable is what cloud-init prints of the keys that it installed.
func (i *Instance) keysTable() string {
	if i.authorized == nil {
		return fmt.Sprintf("ci-info: no authorized SSH keys fingerprints found for user %s.\n", i.user)
	}
	return table(fmt.Sprintf("Authorized keys from /home/%[1]s/.ssh/authorized_keys for user %[1]s", i.user),
		[]string{"Keytype", "Fingerprint (sha256)", "Options", "Comment"},
		[][]string{{i.authorized.Type(), colons(i.authorized), "-", cmp.Or(i.comment, "-")}})
}

func (i *Instance) fingerprints(now time.Time) string {
	var b strings.Builder
	mark := "<14>" + now.Format("Jan _2 15:04:05 cloud-init: ")
	frame := mark + strings.Repeat("#", 61) + "\n"
	b.WriteString(frame + mark + "-----BEGIN SSH HOST KEY FINGERPRINTS-----\n")
	for _, k := range i.hostKeys {
		key := k.signer.PublicKey()
		fmt.Fprintf(&b, "%s%d %s root@%s (%s)\n", mark, bits(key), ssh.FingerprintSHA256(key), i.server.hostname(), kind(key))
	}
	b.WriteString(mark + "-----END SSH HOST KEY FINGERPRINTS-----\n" + frame)
	return b.String()
}

// cirrosStages are what cirros-status prints at each boot: no fingerprints, and
// no Ed25519 key.
func (i *Instance) cirrosStages() []stage {
	var b strings.Builder
	b.WriteString("=== system information ===\nPlatform: OpenStack Nova\nContainer: none\nArch: x86_64\nRAM Size: 47MB\n")
	b.WriteString("=== sshd host keys ===\n" + i.keyBlock(ssh.KeyAlgoRSA, "ecdsa-sha2-nistp256"))
	b.WriteString("=== network info ===\nif-info: lo,up,127.0.0.1,8,::1\n")
	for n, d := range i.devices() {
		if d[0] != "lo" {
			fmt.Fprintf(&b, "if-info: eth%d,up,%s,24,\n", n, d[2])
		}
	}
	fmt.Fprintf(&b, "=== datasource: configdrive local ===\ninstance-id: %s\nname: %s\n", i.server.id, i.server.name)
	b.WriteString("=== cirros: current=0.6.3 uptime=4.42 ===\n\n")
	b.WriteString("login as 'cirros' user. default password: 'gocubsgo'. use 'sudo' for root.\n")
	fmt.Fprintf(&b, "%s login: ", i.server.hostname())
	return []stage{
		{"[    0.000000] Linux version 5.15.0-117-generic (demo)\n", doorDrops},
		{"Top of dropbear init script\n", doorRefuses},
		{"Starting dropbear sshd: OK\n" + b.String(), doorOpen},
	}
}

func (i *Instance) keyBlock(types ...string) string {
	var b strings.Builder
	b.WriteString("-----BEGIN SSH HOST KEY KEYS-----\n")
	for _, t := range types {
		for _, k := range i.hostKeys {
			if k.signer.PublicKey().Type() == t {
				b.WriteString(k.authorized("root@"+i.server.hostname()) + "\n")
			}
		}
	}
	b.WriteString("-----END SSH HOST KEY KEYS-----\n")
	return b.String()
}

func (i *Instance) devices() [][]string {
	rows := [][]string{}
	for n, port := range i.cloud.network.portsOf[i.server.id] {
		for _, ip := range port["fixed_ips"].([]object) {
			subnet := i.cloud.network.collections["subnets"].byID[text(ip["subnet_id"])]
			prefix := netip.MustParsePrefix(text(subnet["cidr"]))
			address, mask := text(ip["ip_address"]), "."
			if prefix.Addr().Is4() {
				mask = net.IP(net.CIDRMask(prefix.Bits(), 32)).String()
			} else {
				address += fmt.Sprintf("/%d", prefix.Bits())
			}
			rows = append(rows, []string{fmt.Sprintf("eth%d", n), "True", address, mask, "global", text(port["mac_address"])})
		}
	}
	return append(rows, []string{"lo", "True", "127.0.0.1", "255.0.0.0", "host", "."}, []string{"lo", "True", "::1/128", ".", "host", "."})
}

// table is a table of cloud-init's (simpletable.py) under its centred title,
// each line marked ci-info.
func table(title string, fields []string, rows [][]string) string {
	widths := make([]int, len(fields))
	all := append([][]string{fields}, rows...)
	for _, row := range all {
		for n, cell := range row {
			widths[n] = max(widths[n], len(cell))
		}
	}
	rule := "+"
	for _, w := range widths {
		rule += strings.Repeat("-", w+2) + "+"
	}
	lines := []string{centre(title, len(rule), "+"), rule}
	for n, row := range all {
		line := "|"
		for at, cell := range row {
			line += centre(cell, widths[at]+2, " ") + "|"
		}
		lines = append(lines, line)
		if n == 0 {
			lines = append(lines, rule)
		}
	}
	return "ci-info: " + strings.Join(append(lines, rule), "\nci-info: ") + "\n"
}

// centre pads as Python's str.center does.
func centre(s string, width int, fill string) string {
	room := max(0, width-len(s))
	left := room/2 + room&width&1
	return strings.Repeat(fill, left) + s + strings.Repeat(fill, room-left)
}

// colons is a key's SHA-256 as cloud-init's table has it.
func colons(key ssh.PublicKey) string {
	sum := sha256.Sum256(key.Marshal())
	return strings.ReplaceAll(fmt.Sprintf("% x", sum), " ", ":")
}

func kind(key ssh.PublicKey) string {
	switch key.Type() {
	case ssh.KeyAlgoED25519:
		return "ED25519"
	case ssh.KeyAlgoRSA:
		return "RSA"
	}
	return "ECDSA"
}
