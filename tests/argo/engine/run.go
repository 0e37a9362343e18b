package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned"
	"github.com/argoproj/argo-workflows/v3/workflow/controller"
	"github.com/argoproj/argo-workflows/v3/workflow/packer"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	namespace = "kubeflow"
	configMap = "workflow-controller-configmap"
)

// settings of the controller in a default installation of Kubeflow Pipelines.
const settings = `archiveLogs: true
s3:
  endpoint: seaweedfs.kubeflow.svc:9000
  bucket: mlpipeline
  keyFormat: "private-artifacts/{{workflow.namespace}}/{{workflow.name}}/{{workflow.creationTimestamp.Y}}/` +
	`{{workflow.creationTimestamp.m}}/{{workflow.creationTimestamp.d}}/{{pod.name}}"
  insecure: true
  accessKeySecret: {name: mlpipeline-minio-artifact, key: accesskey}
  secretKeySecret: {name: mlpipeline-minio-artifact, key: secretkey}
`

// scenario is a workflow and how its tasks end.
type scenario struct {
	Workflow object `json:"workflow"`
	// Endings are those of a task's attempts, in order, by its path; further ones succeed.
	Endings map[string][]ending `json:"endings"`
	// Cached are the tasks that Kubeflow's cache answers.
	Cached []string `json:"cached"`
	// ConfigMaps says whether the account may make them.
	ConfigMaps bool `json:"config_maps"`
	// QuietSeconds is how long the controller makes no pod before those that run end.
	QuietSeconds float64 `json:"quiet_seconds"`
	// LimitSeconds is how long the whole may take.
	LimitSeconds float64 `json:"limit_seconds"`
}

// node is what the controller says of a part of the workflow at its end.
type node struct {
	Name    string `json:"name"`
	Task    string `json:"task"`
	Type    string `json:"type"`
	Phase   string `json:"phase"`
	Message string `json:"message"`
}

// outcome is what came of a scenario.
type outcome struct {
	Phase    string    `json:"phase"`
	Message  string    `json:"message"`
	Attempts []attempt `json:"attempts"`
	Nodes    []node    `json:"nodes"`
	// Growth is the workflow's size by number of nodes, each time that the controller wrote it.
	Growth []growth `json:"growth"`
}

type growth struct {
	Nodes int `json:"nodes"`
	// Plain is the size as JSON with all its nodes, Packed with its nodes compressed, in bytes.
	Plain  int `json:"plain"`
	Packed int `json:"packed"`
}

// run executes a workflow with Argo's controller.
func run(given scenario) (*outcome, error) {
	kept := newStore()
	server := httptest.NewServer(&apiServer{kept, given.ConfigMaps})
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), duration(given.LimitSeconds))
	defer cancel()
	defer kept.wake()
	if err := prepare(kept, given.Workflow); err != nil {
		return nil, err
	}
	if err := start(ctx, server.URL); err != nil {
		return nil, err
	}
	player := &kubelet{
		store: kept, driver: newDriver(given.Cached), endings: given.Endings, quiet: duration(given.QuietSeconds), started: time.Now(),
	}
	go player.watch(ctx)
	failed := make(chan error, 1)
	go func() { failed <- player.endWaves(ctx) }()
	final, sizes, err := follow(ctx, kept, failed)
	if err != nil {
		return nil, err
	}
	return told(player, final, sizes), nil
}

// prepare puts into the cluster what an installation and a submission put there.
func prepare(kept *store, workflow object) error {
	config := &unstructured.Unstructured{Object: object{
		"apiVersion": "v1", "kind": "ConfigMap", "data": object{"artifactRepository": settings},
		"metadata": object{"name": configMap, "namespace": namespace},
	}}
	if _, err := kept.create("configmaps", config); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if _, err := kept.create("workflows", &unstructured.Unstructured{Object: workflow}); err != nil {
		return fmt.Errorf("workflow: %w", err)
	}
	return nil
}

// start runs the controller until the context ends.
func start(ctx context.Context, address string) error {
	for name, value := range map[string]string{
		// A workflow is looked at again after that time, and not after ten seconds.
		"DEFAULT_REQUEUE_TIME":          "50ms",
		"RECENTLY_STARTED_POD_DURATION": "200ms",
		"RECENTLY_DELETED_POD_DURATION": "200ms",
		"INFORMER_WRITE_BACK":           "true",
	} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	config := &rest.Config{
		Host: address, QPS: 10_000, Burst: 10_000,
		ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeJSON, AcceptContentTypes: runtime.ContentTypeJSON},
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	argo, err := versioned.NewForConfig(config)
	if err != nil {
		return err
	}
	made, err := controller.NewWorkflowController(
		ctx, config, kube, argo, namespace, namespace, "quay.io/argoproj/argoexec:v3.7.3", "IfNotPresent", "text", configMap, false)
	if err != nil {
		return fmt.Errorf("controller: %w", err)
	}
	go made.Run(ctx, 4, 1, 1, 1, 1)
	return nil
}

// follow waits for the workflow's end and measures it on the way.
func follow(ctx context.Context, kept *store, failed <-chan error) (*wfv1.Workflow, []growth, error) {
	var version int64
	var sizes []growth
	changes := make(chan []change)
	go func() {
		defer close(changes)
		for ctx.Err() == nil {
			found := kept.since("workflows", version, func() bool { return ctx.Err() != nil })
			if len(found) > 0 {
				version = found[len(found)-1].version
				changes <- found[len(found)-1:]
			}
		}
	}()
	for {
		select {
		case err := <-failed:
			return nil, nil, fmt.Errorf("playing the pods: %w", err)
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("the workflow did not end in time")
		case found := <-changes:
			for _, one := range found {
				workflow, err := workflowOf(one.after)
				if err != nil {
					return nil, nil, err
				}
				if len(sizes) == 0 || sizes[len(sizes)-1].Nodes != len(workflow.Status.Nodes) {
					sizes = append(sizes, measure(workflow))
				}
				if workflow.Status.Fulfilled() {
					return workflow, append(sizes, measure(workflow)), nil
				}
			}
		}
	}
}

// workflowOf reads a workflow as the controller wrote it, its nodes unpacked.
func workflowOf(kept *unstructured.Unstructured) (*wfv1.Workflow, error) {
	workflow := &wfv1.Workflow{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(kept.Object, workflow); err != nil {
		return nil, err
	}
	return workflow, packer.DecompressWorkflow(workflow)
}

// told reads what came of a scenario; the pods are played on meanwhile.
func told(player *kubelet, final *wfv1.Workflow, sizes []growth) *outcome {
	player.mutex.Lock()
	defer player.mutex.Unlock()
	made := &outcome{
		Phase: string(final.Status.Phase), Message: final.Status.Message, Nodes: []node{}, Growth: sizes,
		Attempts: []attempt{},
	}
	for _, one := range player.attempts {
		made.Attempts = append(made.Attempts, *one)
	}
	for _, one := range final.Status.Nodes {
		made.Nodes = append(made.Nodes, node{
			one.Name, taskOf(one.Name), string(one.Type), string(one.Phase), one.Message,
		})
	}
	return made
}

func duration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second))
}
