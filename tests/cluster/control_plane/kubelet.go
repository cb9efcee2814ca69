package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	cadvisorapi "github.com/google/cadvisor/info/v1"
	"github.com/spf13/pflag"
	genericapiserver "k8s.io/apiserver/pkg/server"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/cmd/kubelet/app"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	"k8s.io/kubernetes/pkg/kubelet/apis/config/validation"
	"k8s.io/kubernetes/pkg/kubelet/cadvisor"
	"k8s.io/kubernetes/pkg/kubelet/cm"
	"k8s.io/kubernetes/pkg/kubelet/kubeletconfig/configfiles"
	utilfs "k8s.io/kubernetes/pkg/util/filesystem"
)

// kubelet runs the kubelet itself. --cpus makes the node count as many as it is told: the jobs
// ask for three, and a pod that asks for more than there are is never placed. The kernel shares out
// what there is.
func kubelet() error {
	flags := pflag.NewFlagSet("kubelet", pflag.ContinueOnError)
	own := options.NewKubeletFlags()
	cpus := flags.Int("cpus", 0, "as how many the machine's count; as many as there are unless told")
	flags.StringVar(&own.KubeletConfigFile, "config", "", "")
	flags.StringVar(&own.KubeConfig, "kubeconfig", "", "")
	flags.StringVar(&own.HostnameOverride, "hostname-override", "", "")
	flags.StringVar(&own.NodeIP, "node-ip", "", "")
	flags.StringVar(&own.RootDirectory, "root-dir", own.RootDirectory, "")
	flags.StringVar(&own.CertDirectory, "cert-dir", own.CertDirectory, "")
	flags.StringToStringVar(&own.NodeLabels, "node-labels", nil, "")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	ctx := genericapiserver.SetupSignalContext()
	server, err := configured(ctx, own)
	if err != nil {
		return err
	}
	features := utilfeature.DefaultFeatureGate
	logs.InitLogs()
	if err := logsapi.ValidateAndApplyAsField(&server.Logging, features, nil); err != nil {
		return err
	}
	dependencies, err := app.UnsecuredDependencies(ctx, server, features)
	if err != nil {
		return err
	}
	if *cpus > 0 {
		real, err := measuring(ctx, server)
		if err != nil {
			return err
		}
		dependencies.CAdvisorInterface = machineOf{real, *cpus}
	}
	return app.Run(ctx, server, dependencies, features)
}

func configured(ctx context.Context, flags *options.KubeletFlags) (*options.KubeletServer, error) {
	if flags.KubeletConfigFile == "" {
		return nil, errors.New("--config is missing")
	}
	loader, err := configfiles.NewFsLoader(&utilfs.DefaultFs{}, flags.KubeletConfigFile)
	if err != nil {
		return nil, err
	}
	config, err := loader.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flags.KubeletConfigFile, err)
	}
	gate := utilfeature.DefaultMutableFeatureGate
	if err := gate.SetFromMap(config.FeatureGates); err != nil {
		return nil, err
	}
	if err := validation.ValidateKubeletConfiguration(config, gate); err != nil {
		return nil, err
	}
	return &options.KubeletServer{KubeletFlags: *flags, KubeletConfiguration: *config}, nil
}

func measuring(ctx context.Context, server *options.KubeletServer) (cadvisor.Interface, error) {
	runtime := server.ContainerRuntimeEndpoint
	root := cm.NodeAllocatableRoot(server.CgroupRoot, server.CgroupsPerQOS, server.CgroupDriver)
	return cadvisor.New(klog.FromContext(ctx), cadvisor.NewImageFsInfoProvider(runtime),
		server.RootDirectory, []string{root}, cadvisor.UsingLegacyCadvisorStats(runtime),
		server.LocalStorageCapacityIsolation)
}

// machineOf measures as what it wraps, and has another number of CPUs.
type machineOf struct {
	cadvisor.Interface
	cpus int
}

func (of machineOf) MachineInfo() (*cadvisorapi.MachineInfo, error) {
	info, err := of.Interface.MachineInfo()
	if err != nil {
		return nil, err
	}
	told := *info
	told.NumCores = of.cpus
	return &told, nil
}
