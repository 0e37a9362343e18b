"""What runs in the containers of Kubeflow's tasks."""
