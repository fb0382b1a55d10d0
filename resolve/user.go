package resolve

import (
	"strings"
	"unicode"

	"osssh/internal/openstack"
)

// Login is the user to log in as and what says so.
type Login struct {
	User string
	From string // "server metadata osssh_user", "image property os_distro", …
	// Guess: nothing names a user, and root will be told whom to log in as.
	Guess bool
}

// userOf is the default user of an image by the distribution it holds, as
// cloud-init's config/cloud.cfg.tmpl names them and the images that the
// distributions publish differ from it. Where a name holds two of these words
// the first in this order counts.
var userOf = []struct{ distro, user string }{
	{"coreos", "core"}, {"fcos", "core"}, {"rhcos", "core"}, {"flatcar", "core"},
	{"cirros", "cirros"}, {"ubuntu", "ubuntu"}, {"debian", "debian"}, {"fedora", "fedora"},
	{"rocky", "rocky"}, {"rockylinux", "rocky"}, {"almalinux", "almalinux"}, {"alma", "almalinux"},
	{"centos", "centos"}, {"rhel", "cloud-user"}, {"redhat", "cloud-user"},
	{"amazon", "ec2-user"}, {"amzn", "ec2-user"}, {"azurelinux", "azureuser"},
	{"opensuse", "opensuse"}, {"sles", "sles"}, {"sled", "sles"},
	{"arch", "arch"}, {"archlinux", "arch"}, {"alpine", "alpine"}, {"gentoo", "gentoo"},
	{"freebsd", "freebsd"}, {"openbsd", "openbsd"}, {"netbsd", "netbsd"},
	{"mariner", "mariner"}, {"openeuler", "openeuler"}, {"opencloudos", "opencloudos"}, {"tencentos", "tencentos"},
	{"openmandriva", "omv"}, {"gardenlinux", "admin"}, {"photon", "root"}, {"opnsense", "root"},
}

// User gives the user that the server's records name: its own metadata, the
// properties of its image (or of the volume it boots from), the image's name,
// what the console says. Nothing said is root: cloud-init gives root the
// keypair too, with a command that names the user to log in as
// (cloudinit/ssh_util.py, DISABLE_USER_OPTS).
func User(server openstack.Server, image openstack.Image, consoleUser string) Login {
	if user := server.Metadata["osssh_user"]; user != "" {
		return Login{User: user, From: "server metadata osssh_user"}
	}
	if image.OSAdminUser != "" {
		return Login{User: image.OSAdminUser, From: "image property os_admin_user"}
	}
	if image.ImageOriginalUser != "" {
		return Login{User: image.ImageOriginalUser, From: "image property image_original_user"}
	}
	if user := userByWords(image.OSDistro); user != "" {
		return Login{User: user, From: "image property os_distro"}
	}
	if user := userByWords(image.Name); user != "" {
		return Login{User: user, From: "the image's name"}
	}
	if consoleUser != "" {
		return Login{User: consoleUser, From: "the console log"}
	}
	return Login{User: "root", From: "nothing that names one", Guess: true}
}

// userByWords looks for a distribution among the words of a name such as
// "Rocky-9-GenericCloud" or "Fedora CoreOS 40".
func userByWords(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) })
	for _, known := range userOf {
		for _, word := range words {
			if word == known.distro {
				return known.user
			}
		}
	}
	return ""
}

// imageOfVolume reads what a volume says of the image it was made from, as
// cinder keeps it in volume_image_metadata.
func imageOfVolume(v openstack.Volume) openstack.Image {
	m := v.ImageMetadata
	return openstack.Image{
		ID: m["image_id"], Name: m["image_name"],
		OSAdminUser: m["os_admin_user"], OSDistro: m["os_distro"], OSVersion: m["os_version"],
		OSType: m["os_type"], ImageOriginalUser: m["image_original_user"],
	}
}
