package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"github.com/spf13/pflag"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// What the kubelet would set for the whole machine. It leaves a setting alone that has the value
// already, so a file with the value lies over each.
var tunables = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// Places that the node's programs insist on. The node has its own.
var ownPlaces = []string{"/run", "/var/log", "/var/lib"}

// machineInside is the first process of a node's namespaces. It sets them up, writes to its file 3
// which of its files is the network outside, and then only reaps processes. A kill ends the node.
func machineInside() error {
	flags := pflag.NewFlagSet("machine-inside", pflag.ContinueOnError)
	folder := flags.String("folder", "", "the node's own folder")
	name := flags.String("name", "", "the node's name")
	address := flags.IP("address", nil, "the node's address")
	gateway := flags.IP("gateway", nil, "the address of the network outside on the wire between the two, in the same /24")
	others := flags.IPSlice("outside", nil, "more addresses of the network outside")
	pods := flags.IPNet("pods", net.IPNet{}, "the addresses of the node's pods")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	ready := os.NewFile(3, "ready")
	if err := mountOwn(*folder); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(*name)); err != nil {
		return err
	}
	outside, err := newNetwork()
	if err != nil {
		return err
	}
	if err := joinNetworks(outside, wire{*address, *gateway, *others, pods}); err != nil {
		return err
	}
	for setting, why := range map[string]string{
		"net/ipv4/ip_forward":                "packets of pods pass the node",
		"net/bridge/bridge-nf-call-iptables": "the rules see packets between pods; load the kernel's module br_netfilter",
	} {
		if err := os.WriteFile("/proc/sys/"+setting, []byte("1"), 0); err != nil {
			return fmt.Errorf("%w (needed so that %s)", err, why)
		}
	}
	if _, err := ready.WriteString(strconv.Itoa(int(outside))); err != nil {
		return err
	}
	ready.Close()
	reap()
	return nil
}

func mountOwn(folder string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("cannot make the mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("cannot mount /proc: %w", err)
	}
	for _, place := range ownPlaces {
		if err := unix.Mount("tmpfs", place, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("cannot mount %s: %w", place, err)
		}
	}
	kubelet := filepath.Join(folder, "kubelet")
	for _, made := range []string{"/run/lock", "/var/lib/kubelet", kubelet, filepath.Join(folder, "tunables")} {
		if err := os.MkdirAll(made, 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount(kubelet, "/var/lib/kubelet", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("cannot mount /var/lib/kubelet: %w", err)
	}
	for setting, value := range tunables {
		over := filepath.Join(folder, "tunables", filepath.Base(setting))
		if err := os.WriteFile(over, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		err := unix.Mount(over, "/proc/sys/"+setting, "", unix.MS_BIND, "")
		if err != nil && !errors.Is(err, unix.ENOENT) { // not every kernel has each of them
			return fmt.Errorf("cannot mount /proc/sys/%s: %w", setting, err)
		}
	}
	return nil
}

// newNetwork makes one more network namespace, and returns a file descriptor of it. The namespace
// exists as long as that is open. An os.File would be closed once Go finds no use of it any more.
func newNetwork() (network netns.NsHandle, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with this function
		if unix.Gettid() == os.Getpid() {
			// The network of this thread is what others see as the network of the process.
			network, err = newNetwork()
			runtime.UnlockOSThread()
			return
		}
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			network, err = netns.Get()
		}
	}()
	<-done
	return network, err
}

// wire is what joins the node's network and the one outside.
type wire struct {
	address net.IP     // the node's
	gateway net.IP     // the address of the other end
	others  []net.IP   // more addresses there
	pods    *net.IPNet // whom that network finds at the node
}

// joinNetworks lays a wire between this network, which is the node's, and the one outside, and gives
// both their addresses.
func joinNetworks(outside netns.NsHandle, of wire) error {
	there, err := netlink.NewHandleAt(outside)
	if err != nil {
		return err
	}
	defer there.Close()
	here, err := netlink.NewHandle()
	if err != nil {
		return err
	}
	defer here.Close()
	if err := here.LinkAdd(&netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: "eth0"},
		PeerName:      "node",
		PeerNamespace: netlink.NsFd(outside),
	}); err != nil {
		return fmt.Errorf("cannot add the wire to the network outside: %w", err)
	}
	for _, each := range []struct {
		network   *netlink.Handle
		link      string
		addresses []*net.IPNet
	}{
		{here, "lo", nil},
		{here, "eth0", networks(24, of.address)},
		{there, "lo", networks(32, of.others...)},
		{there, "node", networks(24, of.gateway)},
	} {
		if err := bringUp(each.network, each.link, each.addresses); err != nil {
			return fmt.Errorf("cannot bring up %s: %w", each.link, err)
		}
	}
	if err := there.RouteAdd(&netlink.Route{Dst: of.pods, Gw: of.address}); err != nil {
		return fmt.Errorf("cannot add the route to the pods: %w", err)
	}
	if err := here.RouteAdd(&netlink.Route{Gw: of.gateway}); err != nil {
		return fmt.Errorf("cannot add the route to the outside: %w", err)
	}
	return nil
}

func bringUp(network *netlink.Handle, name string, addresses []*net.IPNet) error {
	link, err := network.LinkByName(name)
	if err != nil {
		return err
	}
	for _, address := range addresses {
		if err := network.AddrAdd(link, &netlink.Addr{IPNet: address}); err != nil {
			return err
		}
	}
	return network.LinkSetUp(link)
}

func networks(bits int, addresses ...net.IP) []*net.IPNet {
	var all []*net.IPNet
	for _, address := range addresses {
		all = append(all, &net.IPNet{IP: address.To4(), Mask: net.CIDRMask(bits, 32)})
	}
	return all
}

// reap waits for the children that the kernel hands to the first process, for as long as it lives.
func reap() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	for {
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if pid <= 0 || err != nil {
				break
			}
		}
		<-ended
	}
}
