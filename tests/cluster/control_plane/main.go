// Command control_plane is a Kubernetes cluster in one binary: etcd, the API server, the controller
// manager, the scheduler, kwok, which plays nodes and their pods, and what makes a real node: the
// kubelet, kube-proxy, and the controller of network policies. The first argument says which of them
// to be, the others are its own flags. `certificates` makes what they know each other by, `machine`
// holds up the namespaces of a real node, and `forward` joins two networks at one address.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // CronJobs may name a time zone.

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kwokconfig "sigs.k8s.io/kwok/pkg/config"
	kwok "sigs.k8s.io/kwok/pkg/kwok/cmd"
	"sigs.k8s.io/kwok/pkg/utils/signals"
)

var programs = map[string]func() int{
	"certificates":       orError("certificates", certificates),
	"etcd":               etcd,
	"apiserver":          component(apiserver.NewAPIServerCommand),
	"controller-manager": component(controllers.NewControllerManagerCommand),
	"scheduler":          component(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
	"kwok":               nodes,
	"kubelet":            orError("kubelet", kubelet),
	"proxy":              component(proxy.NewProxyCommand),
	"policies":           orError("policies", policies),
	"forward":            orError("forward", forward),
	"machine":            orError("machine", machine),
	"machine-inside":     orError("machine-inside", machineInside),
	"machine-cleanup":    orError("machine-cleanup", machineCleanup),
}

// These programs handle signals themselves.
var patient = map[string]bool{"machine": true, "machine-inside": true, "machine-cleanup": true}

func main() {
	if len(os.Args) < 2 || programs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: control_plane certificates FOLDER [NODE ADDRESS...]")
		fmt.Fprintln(os.Stderr, "       control_plane etcd|apiserver|controller-manager|scheduler|kwok FLAGS")
		fmt.Fprintln(os.Stderr, "       control_plane kubelet|proxy|policies|forward|machine FLAGS")
		os.Exit(2)
	}
	program := os.Args[1]
	os.Args = os.Args[1:] // each reads its flags from there
	if !patient[program] {
		go endAtOnce()
	}
	os.Exit(programs[program]())
}

// endAtOnce leaves out what the programs do in the end: it takes them seconds, they wait for one
// another, and what they would keep in order is thrown away.
func endAtOnce() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, os.Interrupt, syscall.SIGTERM)
	<-told
	os.Exit(0)
}

func component(command func() *cobra.Command) func() int {
	return func() int { return cli.Run(command()) }
}

func orError(name string, run func() error) func() int {
	return func() int {
		if err := run(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			return 1
		}
		return 0
	}
}

func etcd() int {
	etcdmain.Main(os.Args)
	return 0
}

// nodes reads kwok's --config ahead of its other flags: the command is made from what stands there.
func nodes() int {
	early := pflag.NewFlagSet("kwok", pflag.ContinueOnError)
	early.ParseErrorsAllowlist.UnknownFlags = true
	ctx, err := kwokconfig.InitFlags(signals.SetupSignalContext(), early)
	if err == nil {
		command := kwok.NewCommand(ctx)
		command.Version = "" // Kubernetes has a flag of that name, for all that is in this binary
		command.PersistentFlags().AddFlagSet(early)
		err = command.ExecuteContext(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kwok:", err)
		return 1
	}
	return 0
}
