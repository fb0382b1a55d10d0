package resolve

import (
	"testing"

	"osssh/internal/openstack"
)

func TestUser(t *testing.T) {
	own := openstack.Server{Metadata: map[string]string{"osssh_user": "ops"}}
	for _, c := range []struct {
		what    string
		server  openstack.Server
		image   openstack.Image
		console string
		want    string
		guess   bool
	}{
		{"metadata first", own, openstack.Image{OSAdminUser: "debian"}, "ubuntu", "ops", false},
		{"os_admin_user", openstack.Server{}, openstack.Image{OSAdminUser: "admin", OSDistro: "ubuntu"}, "", "admin", false},
		{"image_original_user", openstack.Server{}, openstack.Image{ImageOriginalUser: "core", OSDistro: "ubuntu"}, "", "core", false},
		{"os_distro", openstack.Server{}, openstack.Image{OSDistro: "Ubuntu", Name: "debian"}, "", "ubuntu", false},
		{"rhel", openstack.Server{}, openstack.Image{OSDistro: "rhel"}, "", "cloud-user", false},
		{"amazon", openstack.Server{}, openstack.Image{OSDistro: "amazon"}, "", "ec2-user", false},
		{"image name", openstack.Server{}, openstack.Image{Name: "Rocky-9-GenericCloud.qcow2"}, "", "rocky", false},
		{"CoreOS is not Fedora", openstack.Server{}, openstack.Image{Name: "Fedora CoreOS 40"}, "", "core", false},
		{"aarch64 is not Arch", openstack.Server{}, openstack.Image{Name: "image-aarch64"}, "", "root", true},
		{"console", openstack.Server{}, openstack.Image{Name: "golden"}, "svc", "svc", false},
		{"image before console", openstack.Server{}, openstack.Image{OSDistro: "debian"}, "svc", "debian", false},
		{"nothing", openstack.Server{}, openstack.Image{}, "", "root", true},
	} {
		got := User(c.server, c.image, c.console)
		if got.User != c.want || got.Guess != c.guess {
			t.Errorf("%s: %+v, want %s", c.what, got, c.want)
		}
	}
}

func TestImageOfVolume(t *testing.T) {
	image := imageOfVolume(openstack.Volume{ImageMetadata: map[string]string{"os_distro": "fedora", "image_name": "x"}})
	if got := User(openstack.Server{}, image, ""); got.User != "fedora" {
		t.Errorf("got %+v", got)
	}
}
