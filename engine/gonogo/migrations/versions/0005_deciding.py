"""Who may decide, what decisions rest on, and what was done beside the life of campaigns."""

import sqlalchemy as sa
from alembic import op

from gonogo.models import Utc

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _columns()
    _people()
    _rulings()


def _columns() -> None:
    op.add_column("gonogo_policy", sa.Column("person", sa.String(), nullable=True))
    op.add_column("gonogo_workspace", sa.Column("freezes", sa.Integer(), server_default="0", nullable=False))
    op.add_column("gonogo_task", sa.Column("stage", sa.Integer(), server_default="0", nullable=False))
    op.add_column("gonogo_task", sa.Column("policy_version", sa.Integer(), nullable=True))
    op.add_column("gonogo_task", sa.Column("nudge_at", Utc(), nullable=True))
    op.add_column("gonogo_task", sa.Column("escalates_at", Utc(), nullable=True))
    op.create_index(
        "gonogo_task_nudge_idx",
        "gonogo_task",
        ["nudge_at"],
        unique=False,
        sqlite_where=sa.text("nudge_at IS NOT NULL AND status IN ('reviewing', 'pending')"),
        postgresql_where=sa.text("nudge_at IS NOT NULL AND status IN ('reviewing', 'pending')"),
    )
    op.add_column("gonogo_vote", sa.Column("seat", sa.String(), nullable=True))
    op.add_column("gonogo_vote", sa.Column("stage", sa.Integer(), server_default="0", nullable=False))


def _people() -> None:
    op.create_table(
        "gonogo_glass",
        sa.Column("permit_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("begin_by", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["permit_id"], ["gonogo_permit.id"], name=op.f("gonogo_glass_permit_id_fk")),
        sa.ForeignKeyConstraint(["reason"], ["gonogo_payload.digest"], name=op.f("gonogo_glass_reason_fk")),
        sa.PrimaryKeyConstraint("permit_id", name=op.f("gonogo_glass_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_edit",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "person", name=op.f("gonogo_edit_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_act",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_act_workspace_id_fk")),
        sa.PrimaryKeyConstraint("workspace_id", "kind", "subject", "seq", name=op.f("gonogo_act_pk")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "gonogo_act_listed_idx", "gonogo_act", ["workspace_id", "at", "kind", "subject", "seq"], unique=False
    )
    op.create_table(
        "gonogo_group",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_group_workspace_id_fk")),
        sa.PrimaryKeyConstraint("workspace_id", "name", name=op.f("gonogo_group_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_window",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_window_workspace_id_fk")),
        sa.PrimaryKeyConstraint("workspace_id", "kind", "subject", name=op.f("gonogo_window_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gonogo_group_member",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("member_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["gonogo_member.id"], name=op.f("gonogo_group_member_member_id_fk")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "group_name"],
            ["gonogo_group.workspace_id", "gonogo_group.name"],
            name="gonogo_group_member_group_fk",
        ),
        sa.PrimaryKeyConstraint("workspace_id", "group_name", "member_id", name=op.f("gonogo_group_member_pk")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("gonogo_group_member_member_id_idx"), "gonogo_group_member", ["member_id"], unique=False)
    op.create_table(
        "gonogo_comment",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("payload", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["payload"], ["gonogo_payload.digest"], name=op.f("gonogo_comment_payload_fk")),
        sa.ForeignKeyConstraint(["task_id"], ["gonogo_task.id"], name=op.f("gonogo_comment_task_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_comment_pk")),
        sqlite_with_rowid=False,
    )
    op.create_index("gonogo_comment_task_id_idx", "gonogo_comment", ["task_id", "id"], unique=False)
    op.create_table(
        "gonogo_delegation",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("member_id", sa.String(), nullable=False),
        sa.Column("delegate_id", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=True),
        sa.Column("starts_at", Utc(), nullable=False),
        sa.Column("ends_at", Utc(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["delegate_id"], ["gonogo_member.id"], name=op.f("gonogo_delegation_delegate_id_fk")),
        sa.ForeignKeyConstraint(["member_id"], ["gonogo_member.id"], name=op.f("gonogo_delegation_member_id_fk")),
        sa.ForeignKeyConstraint(["task_id"], ["gonogo_task.id"], name=op.f("gonogo_delegation_task_id_fk")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_delegation_workspace_id_fk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("gonogo_delegation_pk")),
        sqlite_with_rowid=False,
    )
    op.create_index("gonogo_delegation_delegate_id_idx", "gonogo_delegation", ["delegate_id", "ends_at"], unique=False)
    op.create_index(op.f("gonogo_delegation_workspace_id_idx"), "gonogo_delegation", ["workspace_id"], unique=False)


def _rulings() -> None:
    op.create_table(
        "gonogo_ruling",
        sa.Column("campaign_id", sa.String(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("starts_at", Utc(), nullable=False),
        sa.Column("requester", sa.String(), nullable=False),
        sa.Column("list_id", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("recipients", sa.Integer(), nullable=False),
        sa.Column("clean", sa.Boolean(), nullable=False),
        sa.Column("warned", sa.Boolean(), nullable=False),
        sa.Column("template_changed", sa.Boolean(), nullable=False),
        sa.Column("summed", sa.JSON(), nullable=False),
        sa.Column("policy", sa.Integer(), nullable=False),
        sa.Column("permission", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["gonogo_campaign.id"], name=op.f("gonogo_ruling_campaign_id_fk")),
        sa.ForeignKeyConstraint(["workspace_id"], ["gonogo_workspace.id"], name=op.f("gonogo_ruling_workspace_id_fk")),
        sa.PrimaryKeyConstraint("campaign_id", "run", name=op.f("gonogo_ruling_pk")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "gonogo_ruling_ahead_idx",
        "gonogo_ruling",
        ["workspace_id", "starts_at"],
        unique=False,
        sqlite_where=sa.text("starts_at > at"),
        postgresql_where=sa.text("starts_at > at"),
    )
    op.create_index(
        "gonogo_ruling_list_id_idx",
        "gonogo_ruling",
        ["workspace_id", "list_id", "starts_at"],
        unique=False,
        sqlite_where=sa.text("permission = 'auto'"),
        postgresql_where=sa.text("permission = 'auto'"),
    )
    op.create_index(
        "gonogo_ruling_listed_idx", "gonogo_ruling", ["workspace_id", "at", "campaign_id", "run"], unique=False
    )
    op.create_index(
        "gonogo_ruling_requester_idx",
        "gonogo_ruling",
        ["workspace_id", "requester", "starts_at"],
        unique=False,
        sqlite_where=sa.text("permission = 'auto'"),
        postgresql_where=sa.text("permission = 'auto'"),
    )
    op.create_index(
        "gonogo_ruling_sender_idx",
        "gonogo_ruling",
        ["workspace_id", "sender", "starts_at"],
        unique=False,
        sqlite_where=sa.text("permission = 'auto'"),
        postgresql_where=sa.text("permission = 'auto'"),
    )
