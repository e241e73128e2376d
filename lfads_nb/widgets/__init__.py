"""The bench inside JupyterLab: panels to set up and run, viewers to look at what came out."""
