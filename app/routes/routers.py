"""All routers, in the order in which they are asked."""

from app.routes import jobs, models, operations

ROUTERS = (models.router, jobs.router, operations.router)
