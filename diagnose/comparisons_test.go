package diagnose

// comparison holds a list of another troubleshooter's against the catalogue.
type comparison struct {
	title, about, column string
	rows                 []comparedLine
}

// comparedLine is one line of it: the causes here, or a note on what OpenStack
// has in its place.
type comparedLine struct {
	line string
	ids  []string
	note string
}

func compared(line, note string, ids ...string) comparedLine { return comparedLine{line, ids, note} }

var comparisons = []comparison{
	{
		title: "What gcloud checks", column: "check of `gcloud compute ssh --troubleshoot`",
		about: "As the sources of Google Cloud SDK 578 have it: command_lib/compute/{network,user_permission,vpc,vm_status,vm_boot}_troubleshooter.py.",
		rows: []comparedLine{
			compared("network: connectivity test of the forward and the return path", "", "A2", "P1", "P2", "P3", "P9", "P11"),
			compared("network: the user's own address, found by a DNS lookup", "the source that the rules are judged for: `--source ADDRESS`", "G3"),
			compared("permissions: compute.instances.get, compute.projects.get", "", "C2"),
			compared("permissions: may act as the instance's service account", "an OpenStack login needs none"),
			compared("permissions: OS Login roles", "OpenStack has no logins by IAM: a user of the guest is one of the guest", "U1", "U15"),
			compared("permissions: IAP tunnel roles", "a jump host takes its place", "X5"),
			compared("a needed API is not enabled", "", "C1", "L10"),
			compared("firewall: a VPC rule admits port 22", "ranges, protocols, both families, and every port of the server count here", "G1", "G2", "G4", "G5", "G7"),
			compared("firewall: the rule's source ranges hold the user's address", "", "G3", "G6"),
			compared("firewall: IAP's range is admitted", "the jump host's own address is judged", "G3"),
			compared("VM status: it runs", "", "S5", "S6", "S7", "S8", "S9", "S10", "S11", "S12"),
			compared("VM status: CPU load over 99 % for ten minutes", "nova shows a server's load to administrators only; its effect is seen on the wire", "T4", "O8"),
			compared("VM status: disk full", "", "O7"),
			compared("VM status: no external IP", "", "A2", "A3"),
			compared("boot: /etc/fstab, a disk that is missing", "", "O2"),
			compared("boot: GRUB, no boot device", "", "O1"),
			compared("boot: initramfs, dracut, switch-root", "", "O1", "O2"),
			compared("boot: file system damaged, fsck, read-only after I/O errors", "", "O2"),
			compared("boot: kernel panic", "", "O1"),
			compared("boot: emergency mode", "", "O2"),
			compared("boot: out of memory", "", "O8"),
			compared("boot: cloud-init or the guest agent failed", "", "U8", "O4", "O6"),
			compared("boot: SELinux stops the boot", "its relabelling failure ends in emergency mode", "O2"),
			compared("boot: secure boot violation", "the firmware then finds nothing to boot", "O1"),
			compared("key: file missing, broken pair, unreadable, empty", "", "U3", "U4", "U13"),
			compared("key: not propagated yet (60 s of retries)", "OpenStack installs keys at boot only", "O6", "U8"),
			compared("host key: as the guest attributes say", "the console log takes their place", "H1", "H2", "H4"),
			compared("serial console as a last resort", "", "O10"),
		},
	},
	{
		title: "What Amazon's guide and AWSSupport-TroubleshootSSH check", column: "check",
		about: "The EC2 user guide's \"Troubleshooting connecting to your instance\" and EC2Rescue's module openssh, which the runbook AWSSupport-TroubleshootSSH runs.",
		rows: []comparedLine{
			compared("the user name is right for the image", "", "U1", "U2"),
			compared("status checks of instance and system have passed", "", "S12", "S13", "T4", "O8"),
			compared("the instance is ready: it still initialises", "", "S5", "O6"),
			compared("security group admits port 22 from your address", "", "G1", "G2", "G3", "G4", "G5"),
			compared("your address is dynamic and has changed", "", "G3"),
			compared("route table has a route to the internet gateway (IPv4 and IPv6)", "", "P1", "P2", "P3"),
			compared("network ACL admits port 22 in and the ephemeral ports out", "FWaaS v2 and stateless security groups are what OpenStack has", "P14", "G8"),
			compared("a public address, or an elastic IP that is associated", "", "A2", "A3", "A4"),
			compared("the address has changed since a stop", "floating IPs stay; names and ssh_config may be stale", "A5"),
			compared("IPv6: subnet, route, group, the guest's DHCPv6, your own", "", "A7", "G4", "P9", "O3"),
			compared("your own firewall, a corporate network, the provider", "", "P15", "L12"),
			compared("the instance's load", "", "T4", "O8"),
			compared("key file: format, PEM header, \"Expecting: ANY PRIVATE KEY\"", "PPK, PEM, PKCS #8 and OpenSSH are all read", "U13"),
			compared("key file: mode (unprotected private key file)", "", "U9"),
			compared("the key is the instance's own", "", "U3", "U4", "U6", "U7"),
			compared("no key pair was given at the launch", "", "U5"),
			compared("the key stands in the user's authorized_keys", "", "U8", "U14"),
			compared("\"Server refused our key\", \"No supported authentication methods available\"", "", "U1", "U4", "U15"),
			compared("too many keys are offered", "", "U11"),
			compared("host key: EC2 Instance Connect's, or the console's", "", "H1", "H2", "H3", "H4"),
			compared("connection refused", "", "T2", "O5", "O6"),
			compared("\"Server unexpectedly closed network connection\", keep-alives", "", "T5", "X6"),
			compared("ping does not answer", "ping says nothing of SSH: a group may admit one without the other", "G5"),
			compared("EC2Rescue: sshd -t finds the configuration good", "seen from outside: sshd does not start; `openstack server rescue` leads to the file", "O5"),
			compared("EC2Rescue: AuthorizedKeysFile is set once, its path and modes are right", "", "U14"),
			compared("EC2Rescue: owner and mode of the home directory and .ssh", "", "U14"),
			compared("EC2Rescue: privilege separation user and directory", "sshd ends at its start without them", "O5"),
			compared("EC2Rescue: modes of /etc/ssh and of the host keys", "sshd refuses such keys", "O5", "T5"),
			compared("EC2Rescue: host keys are there", "", "O5", "T5"),
			compared("EC2Rescue: AllowUsers, PasswordAuthentication and the like", "", "U15"),
			compared("EC2Rescue offline: from another instance that mounts the disk", "`openstack server rescue` is that, and osssh prints it, never runs it", "O1", "O2"),
			compared("Session Manager or the serial console as another way in", "`openstack console url show`", "O10"),
		},
	},
	{
		title: "What Nectar's article lists", column: "its check list, then its symptoms with the numbers of their problems",
		about: "\"Troubleshooting SSH access to a Nectar instance\" of the ARDC Nectar Research Cloud's support site (article 6000149723, and its first edition\n" +
			"on espaces.edu.au): a check list, and a key from symptoms to 25 numbered problems.",
		rows: []comparedLine{
			compared("security groups are not set up for the port", "", "G1", "G2", "G3", "G4", "G5", "G7"),
			compared("no key pair was uploaded or selected at the launch", "", "U5", "U8"),
			compared("the wrong private key, or its name misspelt in the command", "", "U3", "U4", "U13"),
			compared("the wrong account name", "", "U1", "U2"),
			compared("the wrong host name or address", "", "S1", "A3", "A5", "A9"),
			compared("the instance does not run", "", "S6", "S7", "S8", "S9", "S12"),
			compared("owner or modes of ~/.ssh and what is in it, on the client", "", "L14", "U9"),
			compared("owner or modes of ~/.ssh and what is in it, on the server", "", "U14"),
			compared("DSA keys, which OpenSSH 7.0 and later refuse", "", "U12"),
			compared("connection timed out (problems 1 to 11, 25)", "", "P15", "L12", "A2", "A3", "A5", "A7", "A8", "S6", "S7", "S8", "S9", "S11", "S12", "S13",
				"P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P10", "P13", "G1", "G2", "G3", "G4", "G5", "T1", "O1", "O2", "O3"),
			compared("connection refused (10, 11, 12, 25)", "", "T2", "O5", "O6", "O9", "S11", "A6"),
			compared("no route to host (3, 4, 25)", "", "T3", "A5", "S7", "P4"),
			compared("no route to network (1, 2, 25)", "", "L12", "A2", "A7", "P15"),
			compared("connection reset or closed by the peer", "", "T5", "T6", "U11", "X6"),
			compared("permission denied", "", "U1", "U2", "U3", "U4", "U5", "U6", "U7", "U8", "U10", "U14", "U15"),
			compared("the host key has changed", "", "H1", "H2", "H4"),
		},
	},
}
