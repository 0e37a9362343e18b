package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"
)

// object is JSON's.
type object = map[string]any

// session is what the launcher is told of a default installation's object store; it comes with every artifact.
const session = `{"Provider":"minio","Params":{"accessKeyKey":"accesskey","disableSSL":"true",` +
	`"endpoint":"seaweedfs.kubeflow:9000","forcePathStyle":"true","fromEnv":"false","maxRetries":"5",` +
	`"region":"minio","secretKeyKey":"secretkey","secretName":"mlpipeline-minio-artifact"}}`

const pipelineRoot = "minio://mlpipeline/v2/artifacts"

var imageParameter = regexp.MustCompile(`^\{\{\$\.inputs\.parameters\['([^']+)'\]\}\}$`)

// execution is what ML Metadata keeps of a graph that was entered or a container that was prepared.
type execution struct {
	id         int
	component  object
	parameters object
	inputs     map[string]object
	outputs    map[string]object
}

// driver answers as Kubeflow's driver: it resolves what a task is given from what tasks before it made.
type driver struct {
	mutex      sync.Mutex
	executions []*execution
	// tasks are the executions of a graph by its id and the task's name.
	tasks     map[int]map[string]*execution
	artifacts int
	cached    map[string]bool
}

func newDriver(cached []string) *driver {
	made := &driver{tasks: map[int]map[string]*execution{}, cached: map[string]bool{}}
	for _, task := range cached {
		made.cached[task] = true
	}
	return made
}

// drive executes a driver's command line and returns its output parameters.
func (d *driver) drive(arguments []string) (map[string]string, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	told := map[string]string{}
	for position := 0; position+1 < len(arguments); position += 2 {
		told[strings.TrimPrefix(arguments[position], "--")] = arguments[position+1]
	}
	component, err := parsed(told["component"])
	if err != nil {
		return nil, fmt.Errorf("component of %s: %w", told["task_name"], err)
	}
	made := &execution{
		id: len(d.executions) + 1, component: component,
		parameters: object{}, inputs: map[string]object{}, outputs: map[string]object{},
	}
	if told["type"] == "ROOT_DAG" {
		runtime, err := parsed(told["runtime_config"])
		if err != nil {
			return nil, fmt.Errorf("runtime configuration: %w", err)
		}
		made.parameters = within(runtime, "parameterValues")
	} else if err := d.resolve(made, told); err != nil {
		return nil, fmt.Errorf("task %s: %w", told["task_name"], err)
	}
	d.executions = append(d.executions, made)
	d.tasks[made.id] = map[string]*execution{}
	if told["type"] != "CONTAINER" {
		return map[string]string{
			"execution-id": strconv.Itoa(made.id), "iteration-count": "0", "condition": "true",
		}, nil
	}
	patch, err := d.patch(made, told)
	if d.cached[told["task_name"]] {
		// What was made before is found again; nothing is left to execute.
		return map[string]string{"pod-spec-patch": "", "cached-decision": "true", "condition": "true"}, err
	}
	return map[string]string{"pod-spec-patch": patch, "cached-decision": "false", "condition": "true"}, err
}

// resolve finds what a task is given.
func (d *driver) resolve(made *execution, told map[string]string) error {
	task, err := parsed(told["task"])
	if err != nil {
		return err
	}
	parent, err := strconv.Atoi(told["dag_execution_id"])
	if err != nil || parent < 1 || parent > len(d.executions) {
		return fmt.Errorf("no graph has the execution %q", told["dag_execution_id"])
	}
	graph := d.executions[parent-1]
	for name, source := range within(task, "inputs", "parameters") {
		value, err := d.parameter(graph, source.(object))
		if err != nil {
			return fmt.Errorf("parameter %s: %w", name, err)
		}
		made.parameters[name] = value
	}
	for name, source := range within(task, "inputs", "artifacts") {
		artifact, err := d.artifact(graph, source.(object))
		if err != nil {
			return fmt.Errorf("artifact %s: %w", name, err)
		}
		made.inputs[name] = artifact
	}
	d.tasks[parent][told["task_name"]] = made
	return nil
}

func (d *driver) parameter(graph *execution, source object) (any, error) {
	if name, given := source["componentInputParameter"].(string); given {
		value, known := graph.parameters[name]
		if !known {
			return nil, fmt.Errorf("the graph is not given %s", name)
		}
		return value, nil
	}
	if from := within(source, "taskOutputParameter"); len(from) > 0 {
		if d.tasks[graph.id][from["producerTask"].(string)] == nil {
			return nil, fmt.Errorf("%s was not executed", from["producerTask"])
		}
		// What tasks find out are digests here.
		return strings.Repeat("0123456789abcdef", 4), nil
	}
	return within(source, "runtimeValue")["constant"], nil
}

func (d *driver) artifact(graph *execution, source object) (object, error) {
	if name, given := source["componentInputArtifact"].(string); given {
		if graph.inputs[name] == nil {
			return nil, fmt.Errorf("the graph is not given %s", name)
		}
		return graph.inputs[name], nil
	}
	from := within(source, "taskOutputArtifact")
	return d.output(graph, from["producerTask"].(string), from["outputArtifactKey"].(string))
}

// output finds what a task of a graph made; a task that is a graph hands on what one of its own made.
func (d *driver) output(graph *execution, task, key string) (object, error) {
	producer := d.tasks[graph.id][task]
	if producer == nil {
		return nil, fmt.Errorf("%s was not executed", task)
	}
	if dag := within(producer.component, "dag"); len(dag) > 0 {
		selectors, _ := within(dag, "outputs", "artifacts", key)["artifactSelectors"].([]any)
		if len(selectors) != 1 {
			return nil, fmt.Errorf("%s hands on %s of %d tasks", task, key, len(selectors))
		}
		chosen := selectors[0].(object)
		return d.output(producer, chosen["producerSubtask"].(string), chosen["outputArtifactKey"].(string))
	}
	if producer.outputs[key] == nil {
		return nil, fmt.Errorf("%s makes no %s", task, key)
	}
	return producer.outputs[key], nil
}

// patch is what turns the executor's template into the pod of a task.
func (d *driver) patch(made *execution, told map[string]string) (string, error) {
	container, err := parsed(told["container"])
	if err != nil {
		return "", fmt.Errorf("container: %w", err)
	}
	outputs := d.provision(made, told)
	given := object{}
	for name, artifact := range made.inputs {
		given[name] = listed(artifact)
	}
	input := object{
		"inputs":  object{"parameterValues": made.parameters, "artifacts": given},
		"outputs": outputs,
	}
	image, _ := container["image"].(string)
	if named := imageParameter.FindStringSubmatch(image); named != nil {
		image = fmt.Sprint(made.parameters[named[1]])
	}
	command := []any{
		"/kfp-launcher/launch", "--pipeline_name", told["pipeline_name"], "--run_id", told["run_id"],
		"--execution_id", strconv.Itoa(made.id), "--executor_input", text(input),
		"--component_spec", text(made.component), "--pod_name", "$(KFP_POD_NAME)", "--pod_uid", "$(KFP_POD_UID)",
		"--mlmd_server_address", told["mlmd_server_address"], "--mlmd_server_port", told["mlmd_server_port"],
		"--ml_pipeline_server_address", told["ml_pipeline_server_address"],
		"--ml_pipeline_server_port", told["ml_pipeline_server_port"],
		"--log_level", told["log_level"], "--publish_logs", told["publish_logs"], "--",
	}
	arguments := append(sequence(container["command"]), sequence(container["args"])...)
	main := object{
		"name": "main", "image": image, "command": command, "args": arguments,
		"env": sequence(container["env"]), "resources": resources(within(container, "resources")),
	}
	pod := object{"containers": []any{main}}
	if told["kubernetes_config"] != "" {
		config, err := parsed(told["kubernetes_config"])
		if err != nil {
			return "", fmt.Errorf("Kubernetes' part: %w", err)
		}
		extend(pod, main, config)
	}
	return text(pod), nil
}

// provision names the places of what a task will make.
func (d *driver) provision(made *execution, told map[string]string) object {
	root := fmt.Sprintf(
		"%s/%s/%s/%s/%s", pipelineRoot, told["pipeline_name"], told["run_id"], told["task_name"], uuid.NewString())
	artifacts, parameters := object{}, object{}
	for name, definition := range within(made.component, "outputDefinitions", "artifacts") {
		uri := root + "/" + name
		artifacts[name] = listed(object{
			"name": name, "type": within(definition.(object), "artifactType"), "uri": uri, "metadata": object{},
		})
		d.artifacts++
		// As ML Metadata gives it back.
		made.outputs[name] = object{
			"name": strconv.Itoa(d.artifacts), "uri": uri,
			"metadata": object{"display_name": name, "store_session_info": session, "tfx_version": "1.21.0"},
		}
	}
	if told["publish_logs"] == "true" {
		artifacts["executor-logs"] = listed(object{
			"name": "executor-logs", "type": object{"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"},
			"uri": root + "/executor-logs", "metadata": object{},
		})
	}
	for name := range within(made.component, "outputDefinitions", "parameters") {
		parameters[name] = object{"outputFile": "/tmp/kfp/outputs/" + name}
	}
	return object{
		"artifacts": artifacts, "parameters": parameters, "outputFile": "/tmp/kfp_outputs/output_metadata.json",
	}
}

func listed(artifact object) object { return object{"artifacts": []any{artifact}} }

func parsed(text string) (object, error) {
	var found object
	return found, json.Unmarshal([]byte(text), &found)
}

func text(value any) string {
	made, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("what came as JSON is none: %v", err))
	}
	return string(made)
}

// within follows a path of names; what is not there is empty.
func within(value object, path ...string) object {
	for _, name := range path {
		next, _ := value[name].(object)
		value = next
	}
	return value
}

func sequence(value any) []any {
	found, _ := value.([]any)
	return append([]any{}, found...)
}
