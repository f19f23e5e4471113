"""The walls of the command centre: dashboards as code, the plan of 24 screens, the wall server and its guardian."""
